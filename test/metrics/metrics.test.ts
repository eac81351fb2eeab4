import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mintToken } from '../../src/index.js';
import { codeIn } from '../support/documents.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { OTHER_SECRET, OTHER_SEED, OTP_SEED, TOKEN_SECRET } from '../support/keys.js';
import { freshAddress, Metered } from '../support/daemon/metered.js';
import { NODE_VERSION } from '../support/run/node.js';
import { promtool, requirePromtool } from '../support/run/requirements.js';
import { samplesOf, scrape } from '../support/daemon/scrape.js';

const USER = 'mallory-the-user';
const HOST = 'a-host.example';
/** The metrics of passwords exist only if a host accepts them. */
const PASSWORDS = `[hosts."${HOST}"]
[hosts."passwords.example"]
users = "passwords"
[hosts."passwords.example".passwords]
store = "file:/no/such/file"
`;
const NEXT_KEY = `[[keys]]\nid = "next"\notp_seed = "${OTHER_SEED}"\ntoken_secret = "${OTHER_SECRET}"\nnot_after = 2060-01-01T00:00:00Z\n`;

function login(): string {
  const token = mintToken({ jid: `${USER}@${HOST}`, otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
  return `auth:${USER}:${HOST}:${token}`;
}

/** Scrapes a daemon after some requests. @returns the body of the response, and the requests */
async function realScrape(): Promise<{ body: string; asked: string[] }> {
  const { settings, port } = await freshAddress();
  const daemon = new Metered(settings + NEXT_KEY + PASSWORDS);
  await daemon.says('serving metrics');
  const good = login();
  const asked = [
    good,
    good,
    `auth:${USER}:${HOST}:opensesame`,
    `isuser:${USER}:${HOST}`,
    `setpass:${USER}:${HOST}:x`,
    USER,
    `isuser:${USER}:passwords.example`,
  ];
  for (const request of asked) await daemon.ask(request);
  const { body } = await scrape({ port });
  return { body, asked };
}

describe('the metrics of a running xtokend', () => {
  it('count its requests', async () => {
    const samples = samplesOf((await realScrape()).body);
    const requests = [...samples].filter(([name, value]) => name.startsWith('xtokend_requests') && value > 0);
    expect(Object.fromEntries(requests)).toEqual({
      'xtokend_requests_total{operation="auth",outcome="accepted",reason="none"}': 1,
      'xtokend_requests_total{operation="auth",outcome="refused",reason="replayed"}': 1,
      'xtokend_requests_total{operation="auth",outcome="refused",reason="malformed-token"}': 1,
      'xtokend_requests_total{operation="isuser",outcome="accepted",reason="none"}': 1,
      'xtokend_requests_total{operation="isuser",outcome="refused",reason="unknown-user"}': 1,
      'xtokend_requests_total{operation="unsupported",outcome="refused",reason="unsupported-operation"}': 1,
      'xtokend_requests_total{operation="malformed",outcome="refused",reason="malformed-request"}': 1,
    });
    const offsets = ['-1', '0', '1'].map((offset) =>
      samples.get(`xtokend_token_time_step_offset_total{key="default",offset="${offset}"}`),
    );
    expect(offsets.sort()).toEqual([0, 0, 1]);
    expect(Object.fromEntries(samples)).toMatchObject({
      'xtokend_request_duration_seconds_count{operation="auth"}': 3,
      'xtokend_request_duration_seconds_bucket{operation="auth",le="+Inf"}': 3,
      'xtokend_replay_cache_consume_duration_seconds_count{store="journal"}': 2,
      'xtokend_replay_cache_errors_total{store="journal"}': 0,
      'xtokend_replay_cache_entries{store="journal"}': 1,
      'xtokend_key_uses_total{key="default",outcome="accepted"}': 1,
      'xtokend_key_uses_total{key="default",outcome="refused"}': 1,
      'xtokend_key_uses_total{key="next",outcome="accepted"}': 0,
      'xtokend_key_not_after_timestamp_seconds{key="next"}': 2_840_140_800,
      'xtokend_requests_total{operation="auth",outcome="refused",reason="replay-cache-unavailable"}': 0,
      'xtokend_requests_total{operation="isuser",outcome="refused",reason="replay-cache-unavailable"}': 0,
      'xtokend_password_backend_requests_total{backend="app-passwords",operation="isuser",result="wrong"}': 1,
      'xtokend_password_backend_requests_total{backend="app-passwords",operation="auth",result="unavailable"}': 0,
      'xtokend_password_backend_duration_seconds_count{backend="app-passwords"}': 1,
      xtokend_config_last_reload_successful: 1,
      [`xtokend_build_info{version="${version()}",node="${NODE_VERSION}"}`]: 1,
    });
  });

  it('contain no part of a request and no secret', async () => {
    const { body, asked } = await realScrape();
    const words = [
      ...asked.flatMap((request) => request.split(/[: ]/)),
      OTP_SEED,
      TOKEN_SECRET,
      OTHER_SEED,
      OTHER_SECRET,
    ];
    for (const word of words.filter((each) => each.length > 7)) expect(body).not.toContain(word);
    expect(samplesOf(body).size).toBeLessThan(250);
  });

  it('pass promtool check metrics', async (context) => {
    requirePromtool(context);
    const { body } = await realScrape();
    expect(promtool(['check', 'metrics'], body)).toEqual({ status: 0, says: '' });
  });
});

describe('the alerts', () => {
  it('pass their unit tests', (context) => {
    requirePromtool(context);
    expect(promtool(['check', 'rules', 'docs/prometheus/xtokend.rules.yml'])).toMatchObject({ status: 0 });
    for (const file of ['xtokend.rules.test.yml', 'xtokend.weeks.test.yml']) {
      expect(promtool(['test', 'rules', `docs/prometheus/${file}`])).toMatchObject({ status: 0 });
    }
  });

  it('name only existing metrics', async () => {
    const samples = samplesOf((await realScrape()).body);
    const rules = readFileSync('docs/prometheus/xtokend.rules.yml', 'utf8').replaceAll('job="xtokend"', '');
    expect(missing(rules, samples)).toEqual([]);
  });

  it('are the ones that docs/metrics.md documents', () => {
    const names = (text: string): string[] => [...new Set(text.match(/\bXtokend[A-Z]\w+/g))].sort();
    const page = readFileSync('docs/metrics.md', 'utf8');
    expect(names(page)).toEqual(names(readFileSync('docs/prometheus/xtokend.rules.yml', 'utf8')));
  });
});

interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
  }[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

describe('the dashboard', () => {
  const dashboard = JSON.parse(readFileSync('docs/grafana/xtokend.json', 'utf8')) as Dashboard;
  const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

  it('has only expressions that promtool accepts', (context) => {
    requirePromtool(context);
    const rules = expressions.map((expr, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    // JSON is YAML.
    const file = temporaryFile(JSON.stringify({ groups: [{ name: 'panels', rules }] }), 'panels.yml');
    const checked = promtool(['check', 'rules', file]);
    expect(checked.says).toContain(`${expressions.length} rules found`);
    expect(checked.status).toBe(0);
  });

  it('names only existing metrics, and shows all of ours', async () => {
    const samples = samplesOf((await realScrape()).body);
    const text = expressions.join('\n').replaceAll('job=~"$job",instance=~"$instance"', '');
    expect(missing(text, samples)).toEqual([]);
    const used = new Set(namesIn(text).map((name) => name.replace(/_bucket$/, '')));
    const ours = [...samples.keys()].map(nameOf).filter((name) => name.startsWith('xtokend_'));
    const shown = new Set(ours.map((name) => name.replace(/_(bucket|sum|count)$/, '')));
    expect([...shown].filter((name) => !used.has(name))).toEqual([]);
  });

  it('has panels that do not overlap, all with the selected data source', () => {
    const { panels, templating } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance']);
    for (const { title, targets, gridPos } of panels) {
      for (const { datasource } of targets) expect(datasource.uid, title).toBe('${datasource}');
      const over = panels.filter(({ gridPos: other }) => overlap(gridPos, other)).map((panel) => panel.title);
      expect(over).toEqual([title]);
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
    }
  });
});

describe('the Prometheus configuration in docs/metrics.md', () => {
  it('passes promtool check config', (context) => {
    requirePromtool(context);
    const directory = temporaryDirectory();
    cpSync('docs/prometheus/xtokend.rules.yml', join(directory, 'xtokend.rules.yml'));
    writeFileSync(join(directory, 'prometheus.yml'), codeIn('docs/metrics.md', 'yaml'));
    const checked = promtool(['check', 'config', join(directory, 'prometheus.yml')]);
    expect(checked.says).toContain('17 rules found');
    expect(checked.status).toBe(0);
  });
});

function overlap(a: Dashboard['panels'][0]['gridPos'], b: Dashboard['panels'][0]['gridPos']): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** Returns the metrics and selectors of a text that match no sample. */
function missing(text: string, samples: ReadonlyMap<string, number>): string[] {
  const names = new Set([...samples.keys()].map(nameOf));
  const unknown = namesIn(text).filter((name) => !names.has(name));
  const selectors = [...text.matchAll(/\b((?:xtokend|process|nodejs)_\w+)\{([^}]*)\}/g)];
  const unmatched = selectors.filter(([, name = '', matchers = '']) => {
    const equal = [...matchers.matchAll(/\w+="[^"]*"/g)].map(([matcher]) => matcher);
    return ![...samples.keys()].some(
      (sample) => nameOf(sample) === name && equal.every((matcher) => sample.includes(matcher)),
    );
  });
  return [...unknown, ...unmatched.map(([selector]) => selector)];
}

function namesIn(text: string): string[] {
  return [...new Set(text.match(/\b(?:xtokend|process|nodejs)_\w+/g))];
}

function nameOf(sample: string): string {
  return sample.replace(/\{.*/, '');
}

function version(): string {
  return (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;
}
