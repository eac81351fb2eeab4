import { writeFileSync } from 'node:fs';
import { percentileOf } from '../support/figures.js';

/** The answers of both programs on one transport, in microseconds. */
export interface Series {
  readonly transport: string;
  readonly ours: readonly number[];
  readonly echo: readonly number[];
}

const FILE = 'docs/performance.svg';
const WIDTH = 760;
const PANEL_HEIGHT = 150;
const LEFT = 90;
const RIGHT = 20;
const TOP = 40;
const AXIS_HEIGHT = 50;
/** The axis is logarithmic: what is twice as far is the same distance everywhere. */
const [LEAST, MOST] = [10, 1000];
const BINS = 160;
const TICKS = [10, 20, 50, 100, 200, 500, 1000];
const COLOURS = { ours: '#0072b2', echo: '#999999' } as const;
const NAMES = { ours: 'xtokend', echo: 'C program that answers at once' } as const;

/** Draws how the times of the answers are distributed, a panel for each transport. */
export function writePlot(series: readonly Series[]): void {
  const height = TOP + series.length * PANEL_HEIGHT + AXIS_HEIGHT;
  const panels = series.map((each, index) => panel(each, TOP + (index + 1) * PANEL_HEIGHT));
  writeFileSync(
    FILE,
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
${legend()}
${panels.join('\n')}
${axis(TOP + series.length * PANEL_HEIGHT)}
</svg>
`,
  );
}

function legend(): string {
  return (['echo', 'ours'] as const)
    .map((who, index) => {
      const x = LEFT + index * 240;
      return `<rect x="${x}" y="12" width="14" height="14" fill="${COLOURS[who]}"/><text x="${x + 20}" y="24">${NAMES[who]}</text>`;
    })
    .join('\n');
}

/** Both in one panel, as high as the share of answers that fall there; a line at the median, a dashed one at p99. */
function panel({ transport, ours, echo }: Series, base: number): string {
  const shares = { echo: sharesOf(echo), ours: sharesOf(ours) };
  const scale = (PANEL_HEIGHT - 30) / Math.max(...shares.echo, ...shares.ours);
  const areas = (['echo', 'ours'] as const).map(
    (who) =>
      area(shares[who], base, scale, COLOURS[who]) + marks(who === 'ours' ? ours : echo, base, COLOURS[who]),
  );
  return `<text x="${LEFT - 14}" y="${base - 8}" text-anchor="end">${transport}</text>
<line x1="${LEFT}" y1="${base}" x2="${WIDTH - RIGHT}" y2="${base}" stroke="#333333"/>
${areas.join('\n')}`;
}

/** @returns which share of the answers falls into each of equally wide bins; those beyond both ends fall into the last ones */
function sharesOf(values: readonly number[]): number[] {
  const shares = Array.from({ length: BINS }, () => 0);
  for (const value of values) {
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor(positionOf(value) * BINS)));
    shares[bin] = (shares[bin] ?? 0) + 1 / values.length;
  }
  return shares;
}

/** @returns where a value stands on the axis, from 0 to 1 */
function positionOf(value: number): number {
  return Math.log(value / LEAST) / Math.log(MOST / LEAST);
}

function xOf(position: number): string {
  return (LEFT + Math.min(1, Math.max(0, position)) * (WIDTH - LEFT - RIGHT)).toFixed(1);
}

function area(shares: readonly number[], base: number, scale: number, colour: string): string {
  const timeSteps = shares.map((share, bin) => {
    const y = (base - share * scale).toFixed(1);
    return `L${xOf(bin / BINS)} ${y}L${xOf((bin + 1) / BINS)} ${y}`;
  });
  return `<path d="M${xOf(0)} ${base}${timeSteps.join('')}L${xOf(1)} ${base}Z" fill="${colour}" fill-opacity="0.45" stroke="${colour}"/>`;
}

function marks(values: readonly number[], base: number, colour: string): string {
  return [
    [0.5, ''],
    [0.99, ' stroke-dasharray="4 3"'],
  ]
    .map(([share, dashes]) => {
      const x = xOf(positionOf(percentileOf(values, Number(share))));
      return `<line x1="${x}" y1="${base}" x2="${x}" y2="${base - PANEL_HEIGHT + 30}" stroke="${colour}" stroke-width="1.5"${dashes}/>`;
    })
    .join('');
}

function axis(y: number): string {
  const ticks = TICKS.map((tick) => {
    const x = xOf(positionOf(tick));
    return `<line x1="${x}" y1="${y}" x2="${x}" y2="${y + 5}" stroke="#333333"/><text x="${x}" y="${y + 19}" text-anchor="middle">${tick === MOST ? `≥ ${tick}` : tick}</text>`;
  });
  const middle = LEFT + (WIDTH - LEFT - RIGHT) / 2;
  return `${ticks.join('\n')}
<text x="${middle}" y="${y + 40}" text-anchor="middle">µs from a request to its answer; solid line: half of the answers, dashed: 99 %</text>`;
}
