import { Registry } from 'prom-client';
import type { Measurements } from './measurements.js';
import { countEntries } from './entries.js';
import { exposeCounts, exposeDurations, exposeGauge } from './expose.js';
import { exposeProcess } from './process.js';
import { enterZeros } from './zeros.js';

/**
 * @returns a function that gives all metrics in the text format of Prometheus. No name, host or token of a request is in it.
 */
export function createRegistry(measurements: Measurements, version: string): () => Promise<string> {
  const registry = new Registry();
  exposeProcess(registry);
  exposeRequests(registry, measurements);
  exposeKeys(registry, measurements);
  exposeStore(registry, measurements);
  exposeConfiguration(registry, measurements);
  const build = { version, node: process.versions.node };
  const naming = { name: 'xtokend_build_info', help: 'The versions of xtokend and Node; always 1.' };
  exposeGauge(registry, { ...naming, labelNames: ['version', 'node'] }, () => [[build, 1]]);
  return () => {
    enterZeros(measurements);
    return registry.metrics();
  };
}

function exposeRequests(registry: Registry, { requests, requestDurations }: Measurements): void {
  exposeCounts(
    registry,
    {
      name: 'xtokend_requests_total',
      help: 'Requests by operation, verdict (accepted, refused, withheld) and reason.',
      labelNames: ['operation', 'outcome', 'reason'],
    },
    requests,
  );
  exposeDurations(
    registry,
    {
      name: 'xtokend_request_duration_seconds',
      help: 'From the reading of a request to its answer.',
      label: 'operation',
    },
    requestDurations,
  );
}

function exposeKeys(registry: Registry, measurements: Measurements): void {
  exposeCounts(
    registry,
    {
      name: 'xtokend_key_uses_total',
      help: 'Rightly signed tokens, accepted or not, by the key that they were made with.',
      labelNames: ['key', 'outcome'],
    },
    measurements.keyUses,
  );
  exposeCounts(
    registry,
    {
      name: 'xtokend_token_time_step_offset_total',
      help: 'Accepted tokens by their time step, seen from the present one (-1, 0, 1).',
      labelNames: ['key', 'offset'],
    },
    measurements.offsets,
  );
  exposeGauge(
    registry,
    {
      name: 'xtokend_key_not_after_timestamp_seconds',
      help: 'When a key ends (not_after). Keys without an end are not here.',
      labelNames: ['key'],
    },
    () =>
      measurements.keys
        .filter(({ notAfter }) => Number.isFinite(notAfter))
        .map(({ id, notAfter }) => [{ key: id }, notAfter / 1000]),
  );
}

function exposeStore(registry: Registry, measurements: Measurements): void {
  exposeDurations(
    registry,
    {
      name: 'xtokend_replay_cache_consume_duration_seconds',
      help: 'How long the replay cache took for a claim, also for one that failed.',
      label: 'store',
    },
    measurements.consumeDurations,
  );
  exposeCounts(
    registry,
    {
      name: 'xtokend_replay_cache_errors_total',
      help: 'Claims that failed: the token was refused as replay-cache-unavailable.',
      labelNames: ['store'],
    },
    measurements.consumeErrors,
  );
  exposeGauge(
    registry,
    {
      name: 'xtokend_replay_cache_entries',
      help: 'Used tokens that are remembered, by all processes together. Not with Redis.',
      labelNames: ['store'],
    },
    countEntries(() => measurements.store),
  );
}

function exposeConfiguration(registry: Registry, measurements: Measurements): void {
  exposeCounts(
    registry,
    {
      name: 'xtokend_config_reloads_total',
      help: 'Attempts to take up a changed configuration, by result (success, failure).',
      labelNames: ['result'],
    },
    measurements.reloads,
  );
  exposeGauge(
    registry,
    {
      name: 'xtokend_config_last_reload_successful',
      help: 'Whether the last attempt to take up a changed configuration was successful; 1 where there was none.',
    },
    () => [[{}, measurements.wasReloaded ? 1 : 0]],
  );
  exposeGauge(
    registry,
    {
      name: 'xtokend_config_last_reload_success_timestamp_seconds',
      help: 'When the configuration in use was taken up.',
    },
    () => [[{}, measurements.takenUpAt / 1000]],
  );
}
