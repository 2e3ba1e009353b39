// Draws the stacked power on a canvas: base load, one band a car, the limit above. Own canvas rather than a chart
// library: 54 bands of six hours at 1 Hz are one pass over the pixels (a few milliseconds), hovering a band needs no
// series objects, and the whole is smaller than any library's core.

import { bandColor } from "./colors";
import type { Columns } from "./columns";
import { timeTicks, valueTicks } from "./scale";

export interface Frame {
  columns: Columns;
  /** The site's index of each band, which decides its colour. */
  bands: readonly number[];
  /** The band that is pointed at, as a position in `bands`; null for none, -1 for the base load. */
  highlight: number | null;
  /** The column that is pointed at. */
  cursor: number | null;
  top: number;
  dark: boolean;
  timeLabel: (epochSeconds: number) => string;
  valueLabel: (watts: number) => string;
}

export interface Inks {
  rule: string;
  text: string;
  faint: string;
  base: string;
  accent: string;
  bad: string;
}

/** Pixels a column. */
export const COLUMN = 2;

export const MARGIN = { left: 44, right: 12, top: 14, bottom: 24 };

/** The value axis' end: what is drawn and the limit, with a little air. */
export function topOf(columns: Columns, limitNow: number): number {
  let top = limitNow;
  for (let x = 0; x < columns.width; x++) {
    if ((columns.peak[x] as number) > top) top = columns.peak[x] as number;
    if ((columns.limit[x] as number) > top) top = columns.limit[x] as number;
  }
  return Math.max(1000, top * 1.06);
}

export function draw(ctx: CanvasRenderingContext2D, width: number, height: number, frame: Frame, ink: Inks): void {
  const { columns, top } = frame;
  const plot = { x: MARGIN.left, y: MARGIN.top, w: width - MARGIN.left - MARGIN.right, h: height - MARGIN.top - MARGIN.bottom };
  const y = (watts: number) => plot.y + plot.h * (1 - watts / top);
  ctx.clearRect(0, 0, width, height);
  ctx.font = `11px "Inter Variable", system-ui, sans-serif`;
  ctx.textBaseline = "middle";

  grid(ctx, plot, frame, y, ink);
  ctx.save();
  ctx.beginPath();
  ctx.rect(plot.x, plot.y, plot.w, plot.h);
  ctx.clip();
  bands(ctx, plot.x, frame, y, ink);
  over(ctx, plot.x, columns, y, ink);
  limit(ctx, plot.x, columns, y, ink);
  if (frame.cursor !== null) {
    ctx.fillStyle = ink.text;
    ctx.globalAlpha = 0.65;
    ctx.fillRect(Math.round(plot.x + frame.cursor * COLUMN), plot.y, 1, plot.h);
    ctx.globalAlpha = 1;
  }
  ctx.restore();
}

type Plot = { x: number; y: number; w: number; h: number };
type Scale = (watts: number) => number;

function grid(ctx: CanvasRenderingContext2D, plot: Plot, frame: Frame, y: Scale, ink: Inks): void {
  const { columns } = frame;
  ctx.fillStyle = ink.faint;
  ctx.strokeStyle = ink.rule;
  ctx.lineWidth = 1;
  ctx.textAlign = "right";
  for (const watts of valueTicks(frame.top, Math.max(2, Math.floor(plot.h / 52)))) {
    const line = Math.round(y(watts)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(plot.x, line);
    ctx.lineTo(plot.x + plot.w, line);
    ctx.stroke();
    ctx.fillText(frame.valueLabel(watts), plot.x - 8, line);
  }
  ctx.textAlign = "center";
  for (const at of timeTicks(columns.from, columns.from + columns.step * columns.width, Math.max(2, Math.floor(plot.w / 90)))) {
    const x = plot.x + ((at - columns.from) / columns.step) * COLUMN;
    if (x < plot.x + 14 || x > plot.x + plot.w - 14) continue;
    ctx.fillText(frame.timeLabel(at), x, plot.y + plot.h + 14);
    ctx.fillRect(Math.round(x), plot.y + plot.h, 1, 4);
  }
}

/** One shape between two edges, cut where nothing is known or the band is empty; its upper edge `lowered` by pixels. */
function area(ctx: CanvasRenderingContext2D, left: number, low: Float64Array, high: Float64Array, y: Scale, lowered = 0): void {
  const n = low.length;
  ctx.beginPath();
  for (let x = 0; x < n; x++) {
    if (!((high[x] as number) > (low[x] as number))) continue;
    const start = x;
    while (x < n && (high[x] as number) > (low[x] as number)) x++;
    const right = left + x * COLUMN;
    ctx.moveTo(left + start * COLUMN, y(low[start] as number));
    for (let i = start; i < x; i++) ctx.lineTo(left + i * COLUMN, y(high[i] as number) + lowered);
    ctx.lineTo(right, y(high[x - 1] as number) + lowered);
    ctx.lineTo(right, y(low[x - 1] as number));
    for (let i = x - 1; i >= start; i--) ctx.lineTo(left + i * COLUMN, y(low[i] as number));
    ctx.closePath();
  }
}

function bands(ctx: CanvasRenderingContext2D, left: number, frame: Frame, y: Scale, ink: Inks): void {
  const { columns, highlight } = frame;
  const faded = 0.28;
  let low = new Float64Array(columns.width);
  ctx.fillStyle = ink.base;
  ctx.globalAlpha = highlight === null || highlight === -1 ? 0.85 : faded;
  area(ctx, left, low, columns.base, y);
  ctx.fill();
  low = columns.base.slice();
  columns.bands.forEach((band, position) => {
    const high = new Float64Array(columns.width);
    let highest = 0;
    for (let x = 0; x < columns.width; x++) {
      const value = band[x] as number;
      high[x] = (low[x] as number) + (value > 0 ? value : 0);
      if (value > highest) highest = value;
    }
    if (highest > 0) {
      ctx.fillStyle = bandColor(frame.bands[position] as number, frame.dark);
      ctx.globalAlpha = highlight === null || highlight === position ? 1 : faded;
      // A hair of the ground between bands tells neighbours apart; it is left out, not stroked: that would cost thrice.
      area(ctx, left, low, high, y, Math.min(0.8, 0.2 * (y(0) - y(highest))));
      ctx.fill();
    }
    low = high;
  });
  ctx.globalAlpha = 1;
}

/** What lies above the limit, hatched: it must be seen without colour. */
function over(ctx: CanvasRenderingContext2D, left: number, columns: Columns, y: Scale, ink: Inks): void {
  const high = columns.peak.map((peak, x) => (peak > (columns.limit[x] as number) * 1.002 ? peak : Number.NaN));
  if (high.every(Number.isNaN)) return;
  area(ctx, left, columns.limit, high, y);
  ctx.save();
  ctx.clip();
  ctx.fillStyle = ink.bad;
  ctx.globalAlpha = 0.2;
  ctx.fillRect(left, 0, columns.width * COLUMN, y(0));
  ctx.globalAlpha = 1;
  ctx.strokeStyle = ink.bad;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  const rise = y(0);
  for (let x = left - rise; x < left + columns.width * COLUMN; x += 6) {
    ctx.moveTo(x, rise);
    ctx.lineTo(x + rise, 0);
  }
  ctx.stroke();
  ctx.restore();
}

function limit(ctx: CanvasRenderingContext2D, left: number, columns: Columns, y: Scale, ink: Inks): void {
  ctx.strokeStyle = ink.accent;
  ctx.lineWidth = 2;
  ctx.lineJoin = "round";
  ctx.beginPath();
  let drawing = false;
  for (let x = 0; x < columns.width; x++) {
    const value = columns.limit[x] as number;
    if (Number.isNaN(value)) {
      drawing = false;
      continue;
    }
    if (drawing) {
      // A limit jumps: straight up or down, never along a slope.
      if (value !== columns.limit[x - 1]) ctx.lineTo(left + x * COLUMN, y(columns.limit[x - 1] as number));
      ctx.lineTo(left + (x + 1) * COLUMN, y(value));
    } else ctx.moveTo(left + x * COLUMN, y(value));
    drawing = true;
  }
  ctx.stroke();
}
