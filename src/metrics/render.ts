/** Prometheus asks every few seconds; whoever asks more often gets the same again. */
const FRESH_MILLISECONDS = 1000;

/**
 * Makes a costly text only once a second, however many ask for it.
 *
 * @param clock milliseconds of a clock that nobody sets
 */
export function shareRender(render: () => Promise<string>, clock: () => number): () => Promise<string> {
  let shared: { readonly text: Promise<string>; readonly at: number } | undefined;
  return () => {
    const now = clock();
    if (shared === undefined || now - shared.at >= FRESH_MILLISECONDS) shared = { text: render(), at: now };
    return shared.text;
  };
}
