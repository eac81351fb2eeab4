import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Reason } from '../authenticator/reasons.js';
import type { Request } from '../protocol/request.js';
import { countEntries, counter, gauge, histogram, type Collector } from './collectors.js';
import type { Measurements } from './measurements.js';

type OperationLabel = Request['operation'];

/** Returns a function that renders all metrics in the text format of Prometheus. No user, host or token is in it. */
export function createRegistry(measurements: Measurements, version: string): () => Promise<string> {
  const registry = new Registry();
  collectProcessMetrics(registry);
  const collectors = [
    ...requestCollectors(measurements),
    ...storeCollectors(measurements),
    ...passwordCollectors(measurements),
    ...configurationCollectors(measurements),
    gauge('xtokend_build_info', 'The versions of xtokend and Node.js; always 1.', () => [
      { labels: { version, node: process.versions.node }, value: 1 },
    ]),
  ];
  for (const collector of collectors) registry.registerMetric(collector);
  return () => {
    addZeros(measurements);
    return registry.metrics();
  };
}

/** The useful ones; prom-client has many more, some with names that Prometheus advises against. */
const PROCESS_METRICS = new Set([
  'process_cpu_user_seconds_total',
  'process_cpu_system_seconds_total',
  'process_cpu_seconds_total',
  'process_start_time_seconds',
  'process_resident_memory_bytes',
  'process_open_fds',
  'process_max_fds',
  'nodejs_eventloop_lag_seconds',
  'nodejs_eventloop_lag_mean_seconds',
  'nodejs_eventloop_lag_p99_seconds',
  'nodejs_eventloop_lag_max_seconds',
  'nodejs_heap_size_total_bytes',
  'nodejs_heap_size_used_bytes',
  'nodejs_external_memory_bytes',
  'nodejs_gc_duration_seconds',
]);

function collectProcessMetrics(register: Registry): void {
  collectDefaultMetrics({ register });
  for (const { name } of register.getMetricsAsArray()) {
    if (!PROCESS_METRICS.has(name)) register.removeSingleMetric(name);
  }
}

function requestCollectors(measurements: Measurements): Collector[] {
  return [
    counter(
      'xtokend_requests_total',
      'Requests by operation, outcome (accepted, refused, unanswered) and reason.',
      ['operation', 'outcome', 'reason'],
      measurements.requests,
    ),
    histogram(
      'xtokend_request_duration_seconds',
      'Time from reading a request to answering it.',
      'operation',
      measurements.requestDurations,
    ),
    counter(
      'xtokend_key_uses_total',
      'Tokens with a valid signature, accepted or refused, by key.',
      ['key', 'outcome'],
      measurements.keyUses,
    ),
    counter(
      'xtokend_token_time_step_offset_total',
      'Accepted tokens by their time step relative to the current one (-1, 0, 1).',
      ['key', 'offset'],
      measurements.offsets,
    ),
  ];
}

function storeCollectors(measurements: Measurements): Collector[] {
  return [
    histogram(
      'xtokend_replay_cache_consume_duration_seconds',
      'Time that the replay cache took to consume a token, failures included.',
      'store',
      measurements.consumeDurations,
    ),
    counter(
      'xtokend_replay_cache_errors_total',
      'Tokens that the replay cache could not consume: refused as replay-cache-unavailable.',
      ['store'],
      measurements.consumeErrors,
    ),
    gauge(
      'xtokend_replay_cache_entries',
      'Entries of the replay cache, over all processes that share it. Not available with Redis.',
      countEntries(() => measurements.store),
    ),
  ];
}

function passwordCollectors(measurements: Measurements): Collector[] {
  return [
    counter(
      'xtokend_password_backend_requests_total',
      'Requests to the password back ends, by result (accepted, wrong, disabled, unavailable).',
      ['backend', 'operation', 'result'],
      measurements.backendRequests,
    ),
    histogram(
      'xtokend_password_backend_duration_seconds',
      'Time until a password back end answered, failures included.',
      'backend',
      measurements.backendDurations,
    ),
  ];
}

function configurationCollectors(measurements: Measurements): Collector[] {
  return [
    gauge(
      'xtokend_key_not_after_timestamp_seconds',
      'When a key expires (not_after). Keys without not_after are left out.',
      () =>
        measurements.keys
          .filter(({ notAfter }) => Number.isFinite(notAfter))
          .map(({ id, notAfter }) => ({ labels: { key: id }, value: notAfter / 1000 })),
    ),
    counter(
      'xtokend_config_reloads_total',
      'Attempts to reload the configuration, by result (success, failure).',
      ['result'],
      measurements.reloads,
    ),
    gauge(
      'xtokend_config_last_reload_successful',
      'Whether the last reload of the configuration succeeded; 1 if there was none.',
      () => [{ labels: {}, value: Number(measurements.lastReloadSucceeded) }],
    ),
    gauge(
      'xtokend_config_last_reload_success_timestamp_seconds',
      'When the current configuration was applied.',
      () => [{ labels: {}, value: measurements.configurationAppliedAt / 1000 }],
    ),
  ];
}

const AUTH_AND_ISUSER: readonly OperationLabel[] = ['auth', 'isuser'];
const ANY: readonly OperationLabel[] = [...AUTH_AND_ISUSER, 'recheck', 'list'];

/** Which operations can have which reason. */
const OPERATIONS: Readonly<Record<Reason, readonly OperationLabel[]>> = {
  'malformed-token': ['auth'],
  'wrong-signature': ['auth'],
  'wrong-otp': ['auth'],
  'wrong-password': ['auth'],
  'password-backend-unavailable': AUTH_AND_ISUSER,
  throttled: ['auth'],
  'inactive-key': ['auth'],
  'blocked-user': AUTH_AND_ISUSER,
  'unlisted-user': AUTH_AND_ISUSER,
  'unknown-user': ['isuser'],
  'no-user-list': ['list'],
  replayed: ['auth'],
  'replay-unknown': ['auth'],
  'replay-cache-unavailable': ANY,
  'unprepared-name': AUTH_AND_ISUSER,
  'unknown-host': ANY,
  'unsupported-operation': ['unsupported'],
  'malformed-request': ['malformed'],
  'unknown-protocol': ['malformed'],
  'no-configuration': ANY,
  'internal-error': ANY,
  'deadline-exceeded': ANY,
  'incomplete-request': ['malformed'],
};

const UNANSWERED: readonly string[] = ['deadline-exceeded', 'incomplete-request'] satisfies Reason[];

/** Adds a 0 for each event that has not happened yet: Prometheus would miss the first increase of a series that begins with 1. */
function addZeros(measurements: Measurements): void {
  const { requests, keyUses, offsets, reloads, keys, backends, backendRequests } = measurements;
  for (const operation of ANY) requests.at(operation).at('accepted').at('none');
  for (const [reason, operations] of Object.entries(OPERATIONS)) {
    const outcome = UNANSWERED.includes(reason) ? 'unanswered' : 'refused';
    for (const operation of operations) requests.at(operation).at(outcome).at(reason);
  }
  for (const backend of backends) {
    const byOperation = backendRequests.at(backend);
    for (const result of ['accepted', 'wrong', 'disabled', 'unavailable']) byOperation.at('auth').at(result);
    for (const result of ['accepted', 'wrong', 'unavailable']) byOperation.at('isuser').at(result);
  }
  for (const { id } of keys) {
    for (const outcome of ['accepted', 'refused']) keyUses.at(id).at(outcome);
    for (const offset of ['-1', '0', '1']) offsets.at(id).at(offset);
  }
  for (const result of ['success', 'failure']) reloads.at(result);
}
