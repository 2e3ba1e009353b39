// Where the lines of a grid go: at round numbers of kilowatts, and at round times of the site's day.

/** Steps of 1, 2 or 5 times a power of ten, so that about `count` fit below `top`. */
export function valueTicks(top: number, count: number): number[] {
  const rough = top / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step);
}

const TIME_STEPS_S = [60, 120, 300, 600, 900, 1800, 3600, 7200];

/** Round instants in epoch seconds between `from` and `to`, at most `count`. */
export function timeTicks(from: number, to: number, count: number): number[] {
  const step = TIME_STEPS_S.find((s) => (to - from) / s <= count) ?? 7200;
  const ticks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}
