// Copy and save the picture on screen: the full PNG, which holds its request, and other ways.

const GONE = "That picture is no longer kept; type on, then try again with the new one.";

/**
 * `current()` gives `{frame, prompt, seed}` of the picture on screen, or null; `settled()` promises
 * the same of the full picture that is asked now.
 */
function createActions(where, { current, settled }, speaker) {
  const png = (frame) => asked(where.frame(frame)).then((response) => response.blob());

  async function copy() {
    const picture = current();
    if (!picture) return speaker.notice("There is no picture to copy yet; type a prompt first.");
    if (!navigator.clipboard?.write || !window.ClipboardItem) {
      return speaker.notice("This browser copies no pictures here; use Download instead.");
    }
    try {
      // The promise goes in unawaited: Safari wants the call inside the click.
      await navigator.clipboard.write([new ClipboardItem({ "image/png": png(picture.frame) })]);
      speaker.notice("Picture copied.");
    } catch (error) {
      speaker.notice(error instanceof Refused ? error.message : "The browser refused to copy; use Download instead.");
    }
  }

  async function download() {
    const picture = current();
    if (!picture) return speaker.notice("There is no picture to download yet; type a prompt first.");
    try {
      await save(await asked(where.frame(picture.frame)), fileName(picture));
    } catch (error) {
      speaker.notice(error instanceof Refused ? error.message : GONE);
    }
  }

  /** A lossy picture together with the JSON that holds its request. */
  async function packed(format) {
    const picture = current();
    if (!picture) return speaker.notice("There is no picture to download yet; type a prompt first.");
    try {
      await save(await asked(where.file(picture.frame, format)));
    } catch (error) {
      speaker.notice(error instanceof Refused ? error.message : GONE);
    }
  }

  async function link() {
    const picture = await settled();
    if (!picture) return speaker.notice("There is no picture to link to yet; type a prompt first.");
    await copyLink(where, picture.frame, speaker);
  }

  return { copy, download, packed, link };
}

/** The first words of the prompt and the seed, safe on every file system. */
function fileName({ prompt, seed }) {
  const words = prompt.normalize("NFC").match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  const name = [...words.slice(0, 8).join("-").toLowerCase()].slice(0, 60).join("");
  return `${name || "picture"}-${seed}.png`;
}
