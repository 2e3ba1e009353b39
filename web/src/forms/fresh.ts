/** A number for a request's id that the station has hardly seen: the second of the year, so that two forms differ. */
export const fresh = (): number => Math.floor(Date.now() / 1000) % 31_536_000;
