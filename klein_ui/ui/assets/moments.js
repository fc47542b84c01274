// Pictures of typed states in the browser: bounded, and those beside the one looked at come early.

const MOMENT_BYTES = 64 * 2 ** 20;
const AHEAD = 6;
const MOST_UNDERWAY = 4;

/** `address(id, stage)` is where a state's picture is. */
function createMoments(address) {
  const kept = new Map();
  const underway = new Map();
  let wanted = [];
  let bytes = 0;

  function drop(id) {
    bytes -= kept.get(id)?.data.byteLength ?? 0;
    kept.delete(id);
  }

  /** A better stage takes the place of the one that was there. */
  function put(id, stage, data, type) {
    drop(id);
    kept.set(id, { stage, data, type });
    bytes += data.byteLength;
    for (const oldest of kept.keys()) {
      if (bytes <= MOMENT_BYTES || oldest === id) break;
      drop(oldest);
    }
  }

  function found(id) {
    const picture = kept.get(id);
    if (picture) {
      kept.delete(id);
      kept.set(id, picture);
    }
    return picture;
  }

  async function fetched({ id, stage }) {
    const reply = await fetch(address(id, stage), { credentials: "same-origin" });
    if (!reply.ok) throw new Error((await reply.json().catch(() => ({}))).sentence);
    const type = reply.headers.get("content-type");
    const data = new Uint8Array(await reply.arrayBuffer());
    if (!kept.has(id)) put(id, stage, data, type);
    return kept.get(id);
  }

  function load(state) {
    if (!underway.has(state.id)) {
      underway.set(state.id, fetched(state).finally(() => {
        underway.delete(state.id);
        more();
      }));
    }
    return underway.get(state.id);
  }

  function more() {
    while (wanted.length && underway.size < MOST_UNDERWAY) {
      const state = wanted.shift();
      if (!kept.has(state.id)) load(state).catch(() => {});
    }
  }

  return {
    put,
    found,
    /** The picture of `state`; rejects with the server's sentence where it is gone. */
    picture: async (state) => found(state.id) ?? load(state),
    /** Fetch what lies beside `index` before it is looked at, the nearest first. */
    prefetch(states, index) {
      wanted = [];
      for (let step = 1; step <= AHEAD; step += 1) {
        wanted.push(...[states[index + step], states[index - step]].filter(Boolean));
      }
      more();
    },
  };
}
