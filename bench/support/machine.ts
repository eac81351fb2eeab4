import { cpus, loadavg } from 'node:os';

/** @returns what was measured on, and how busy it was before */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'CPU of an unknown kind';
  const load = loadavg()[0]?.toFixed(1) ?? '?';
  return `${cpus().length} × ${model}, Node ${process.version}, load before it began ${load}`;
}
