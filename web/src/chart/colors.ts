// A colour for each EVSE that stays its own: cool hues, so that copper is left to the limit and red to trouble. With
// dozens of bands no palette tells them all apart: neighbours differ clearly, and pointing at a band names it.

const HUES = [188, 246, 212, 284, 166, 262, 228, 300] as const;
const LIGHT_IN_DARK = [0.7, 0.58, 0.77, 0.64] as const;
const LIGHT_IN_LIGHT = [0.66, 0.57, 0.74, 0.61] as const;

/** The colour of the `index`th EVSE of a site. */
export function bandColor(index: number, dark: boolean): string {
  const hue = HUES[index % HUES.length] as number;
  const ring = Math.floor(index / HUES.length);
  const lightness = (dark ? LIGHT_IN_DARK : LIGHT_IN_LIGHT)[(index + ring) % 4] as number;
  return `oklch(${lightness} ${dark ? 0.085 : 0.09} ${hue + ring * 9})`;
}
