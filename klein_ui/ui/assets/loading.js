// What the empty stage says, and how far the loading of the model is.

/** Shows `progress` messages in the empty stage, or in the status line once a picture is there. */
function createLoading(box, status, speaker) {
  const bar = box.querySelector("progress");
  const sentence = box.querySelector(".klein-loading-sentence");
  let inStatus = false;

  return {
    show({ phase, sentence: text, fraction }, hasPicture) {
      const busy = phase !== "ready" && phase !== "failed";
      box.hidden = !busy;
      if (phase === "failed") speaker.error(text);
      if (!busy) {
        if (inStatus) status.plain("");
        inStatus = false;
        return;
      }
      sentence.textContent = text;
      if (fraction === null) bar.removeAttribute("value");
      else bar.value = fraction;
      inStatus = hasPicture;
      if (hasPicture) status.plain(text);
    },
  };
}
