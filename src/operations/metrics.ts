/** Everything that needs prom-client and HTTP, in a bundle of its own: it is loaded only where metrics are wanted. */
export { createRegistry } from './metrics-registry.js';
export { serveMetrics } from './metrics-server.js';
export { shareRender } from './metrics-render.js';
