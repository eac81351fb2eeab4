import { once } from 'node:events';
import { cpSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { freshAddress, Metered } from '../support/daemon/metered.js';
import { accepts } from '../support/system/ports.js';
import { samplesOf, scrape } from '../support/daemon/scrape.js';

const ISUSER = 'xtokend_requests_total{operation="isuser",outcome="accepted",reason="none"}';

async function isuserCount(port: number): Promise<number | undefined> {
  return samplesOf((await scrape({ port })).body).get(ISUSER);
}

describe('metrics and the current configuration', () => {
  it('a reload moves, stops and restarts the metrics, and keeps the counts', async () => {
    const [first, second] = [await freshAddress(), await freshAddress()];
    const daemon = new Metered(first.settings);
    await daemon.says('serving metrics');
    await daemon.ask('isuser:alice:example.com');
    expect(await isuserCount(first.port)).toBe(1);
    await daemon.reload(second.settings);
    await daemon.says('serving metrics');
    expect(await accepts({ port: first.port, host: '127.0.0.1' })).toBe(false);
    await daemon.ask('isuser:alice:example.com');
    // The text is rendered at most once a second.
    await expect.poll(() => isuserCount(second.port)).toBe(2);
    const samples = samplesOf((await scrape({ port: second.port })).body);
    expect(samples.get('xtokend_config_reloads_total{result="success"}')).toBeGreaterThan(0);
    await daemon.reload('');
    await expect.poll(() => accepts({ port: second.port, host: '127.0.0.1' })).toBe(false);
    await daemon.reload(first.settings);
    await daemon.says('serving metrics');
    expect(await daemon.ask('isuser:alice:example.com')).toBe('1');
    await expect.poll(() => isuserCount(first.port)).toBe(3);
  });

  it('the metrics show a failed reload until one succeeds', async () => {
    const { settings, port } = await freshAddress();
    const daemon = new Metered(settings);
    await daemon.says('serving metrics');
    const wasReloaded = async (): Promise<number | undefined> =>
      samplesOf((await scrape({ port })).body).get('xtokend_config_last_reload_successful');
    expect(await wasReloaded()).toBe(1);
    daemon.configure('nonsense = 1\n');
    await daemon.says('configuration reload failed, keeping the previous one');
    await expect.poll(wasReloaded, { interval: 200 }).toBe(0);
    await daemon.reload(settings);
    await expect.poll(wasReloaded, { interval: 200 }).toBe(1);
  });

  it('one of several processes serves the metrics, another takes over, and all accept requests', async () => {
    const { settings, port } = await freshAddress();
    const first = new Metered(settings);
    await first.says('serving metrics');
    const second = new Metered(settings);
    await second.says('metrics disabled: cannot listen on');
    expect(second.log).toContain('another process listens there');
    for (const daemon of [first, second]) expect(await daemon.ask('isuser:a:b')).toBe('1');
    first.child.kill('SIGKILL');
    await second.says('serving metrics', 30_000);
    expect(second.log.match(/metrics disabled/g)).toHaveLength(1);
    expect(await isuserCount(port)).toBe(1);
  });

  it('an open connection to the metrics does not keep the process alive', async () => {
    const { settings, port } = await freshAddress();
    const daemon = new Metered(settings);
    await daemon.says('serving metrics');
    const silent = connect(port, '127.0.0.1').on('error', () => undefined);
    onTestFinished(() => void silent.destroy());
    await once(silent, 'connect');
    const end = performance.now();
    daemon.child.stdin.end();
    const [status] = (await once(daemon.child, 'exit')) as [number | null];
    expect(status).toBe(0);
    expect(performance.now() - end).toBeLessThan(4000);
  });

  it('the metrics are loaded only if configured, and requests are answered if loading fails', async () => {
    const directory = temporaryDirectory();
    for (const part of ['bin', 'dist']) cpSync(part, join(directory, part), { recursive: true });
    rmSync(join(directory, 'dist/metrics.cjs'));
    const program = join(directory, 'bin/xtokend');
    const without = new Metered('', program);
    expect(await without.ask('isuser:a:b')).toBe('1');
    await without.says('info accepted');
    expect(without.log).not.toContain('metrics');
    const { settings } = await freshAddress();
    const broken = new Metered(settings, program);
    expect(await broken.ask('isuser:a:b')).toBe('1');
    await broken.says('warning metrics disabled: ');
  });
});
