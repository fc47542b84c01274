// What was written on pins and the server has not got yet: it waits here, so that none of it is lost.

const WRITTEN_WAITS = "What you wrote is not saved yet; it is sent once the app can be reached again.";
/** What the server answers where the same words would be refused again. */
const REFUSALS = new Set([400, 404, 413, 422]);

/** `send(id, fields)` resolves to the pin as it is kept, or throws with a `status`. */
function createPinEdits(send) {
  const waiting = new Map();
  const failed = new Set();

  /** Newer words stay over those that come back. */
  function keep(id, older, newer) {
    waiting.set(id, { ...older, ...newer });
  }

  function settle(id, sent) {
    const left = Object.entries(waiting.get(id) ?? {}).filter(([name, value]) => sent[name] !== value);
    if (left.length) waiting.set(id, Object.fromEntries(left));
    else waiting.delete(id);
    failed.delete(id);
  }

  async function flush(id) {
    const sent = waiting.get(id);
    if (!sent) return null;
    try {
      const pin = await send(id, sent);
      settle(id, sent);
      return pin;
    } catch (error) {
      if (REFUSALS.has(error.status)) {
        settle(id, sent);
        throw error;
      }
      keep(id, sent, waiting.get(id));
      failed.add(id);
      throw Object.assign(new Error(WRITTEN_WAITS), { status: error.status });
    }
  }

  return {
    write: (id, fields) => keep(id, waiting.get(id), fields),
    flush,
    /** Those that failed before. */
    failed: () => [...failed],
    /** All that no answer was seen for. */
    unanswered: () => [...waiting],
    /** A pin from the server, with what was written on it since. */
    over: (pin) => ({ ...pin, ...waiting.get(pin.id), isUnsaved: failed.has(pin.id) }),
  };
}
