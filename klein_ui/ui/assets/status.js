// The quiet line under the picture, and the quieter one for screen readers.

const STAGE_NAMES = { preview: "Preview", draft: "Draft", final: "Final" };
const RATE_WINDOW_MS = 2_000;
const ANNOUNCE_EVERY_MS = 5_000;

/** Shows what each painted frame took; called at most once an animation frame. */
function createStatus(numbers, announce) {
  let times = [];
  let announcedAt = -Infinity;
  let first = { seq: -1, ms: null };

  /** From key to the first picture of it: the full one comes after a pause of the typist's own. */
  function keyToPicture({ seq }, now, keyAt) {
    if (seq !== first.seq) first = { seq, ms: keyAt === undefined ? null : Math.round(now - keyAt) };
    return first.ms;
  }

  function rate(now) {
    times = times.filter((time) => now - time < RATE_WINDOW_MS);
    times.push(now);
    const seconds = (now - times[0]) / 1000;
    return times.length > 2 ? (times.length - 1) / seconds : null;
  }

  return {
    painted(header, now, keyAt) {
      const perSecond = rate(now);
      const parts = [STAGE_NAMES[header.stage]];
      const ms = keyToPicture(header, now, keyAt);
      if (ms !== null) parts.push(`${ms} ms`);
      if (perSecond !== null) parts.push(`${perSecond.toFixed(1)} pictures/s`);
      if (header.superseded) parts.push(`${header.superseded} superseded`);
      numbers.textContent = parts.join("  ·  ");
      if (header.stage === "final" && ms !== null && now - announcedAt > ANNOUNCE_EVERY_MS) {
        announcedAt = now;
        announce.textContent = `Picture ready after ${ms} milliseconds.`;
      }
    },
    plain(sentence) {
      numbers.textContent = sentence;
    },
  };
}

/** One sentence by the prompt: an error stays until a good frame, a notice for a while. */
function createSpeaker(line) {
  let kind = null;
  let timer = 0;

  function say(sentence, newKind, forMs) {
    clearTimeout(timer);
    kind = newKind;
    const isAlarm = newKind === "error" || newKind === "refused";
    line.setAttribute("role", isAlarm ? "alert" : "status");
    line.dataset.kind = newKind ?? "";
    line.textContent = sentence;
    if (forMs) timer = setTimeout(() => say("", null), forMs);
  }

  return {
    error: (sentence) => say(sentence, "error"),
    notice: (sentence) => say(sentence, "notice", 5_000),
    /** Something that was added is not taken: no good frame takes that back, time does. */
    refused: (sentences) => say(sentences.join(" "), "refused", 5_000 + 3_000 * sentences.length),
    /** Said by the state of things; `hush` with the same kind takes it back. `way` is where to go. */
    state(sentence, name, way) {
      say(sentence, name);
      if (way) line.append(" ", inAnotherTab(way), ".");
    },
    hush(name) {
      if (kind === name) say("", null);
    },
  };
}

/** A link to this page in a tab of its own: what is typed in this one stays. */
function inAnotherTab(words) {
  const link = document.createElement("a");
  link.textContent = words;
  link.href = location.pathname;
  // What lets in a tab lets in no frame of another site, where cookies are others.
  link.target = window.top === window.self ? "_blank" : "_self";
  return link;
}
