// Pin: the picture on screen goes to the board, and typing goes on.

/** `kept()` is the `{frame}` of what to keep, or null, once it is there; `isWaiting()` whether that takes a moment. */
function createPinning(pins, speaker, kept, isWaiting) {
  return async function pin() {
    if (isWaiting()) speaker.notice("Pinned once the full picture is there…");
    const picture = await kept();
    if (!picture) return speaker.notice("There is no picture to pin yet; type a prompt first.");
    try {
      const { board_title: title } = await pins.pinFrame(picture.frame);
      speaker.notice(`Pinned to “${title}”.`);
    } catch (error) {
      speaker.refused([error.message]);
    }
  };
}
