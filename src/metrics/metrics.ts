/** Everything that needs prom-client and HTTP, in a bundle of its own: it is loaded only where metrics are wanted. */
export { createRegistry } from './registry.js';
export { serveMetrics } from './server.js';
export { shareRender } from './render.js';
