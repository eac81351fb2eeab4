// Replaces the package `debug` in the bundle: with DEBUG=*, ioredis would print the password.
'use strict';

const silent = Object.assign(() => undefined, { enabled: false, namespace: '', destroy: () => false });
module.exports = Object.assign(() => silent, { default: () => silent });
