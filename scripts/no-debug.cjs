// Replaces the package `debug` in the bundle, because ioredis would print the password with DEBUG=*.
'use strict';

const silent = Object.assign(() => undefined, { enabled: false, namespace: '', destroy: () => false });
module.exports = Object.assign(() => silent, { default: () => silent });
