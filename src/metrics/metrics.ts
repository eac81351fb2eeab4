/** The part of the metrics that needs prom-client and HTTP; a bundle of its own, loaded only if `[metrics]` is configured. */
export { createRegistry } from './registry.js';
export { cacheText, serveMetrics } from './server.js';
