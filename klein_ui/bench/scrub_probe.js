// Notes which moment each key and each move of the pointer went to, when the browser handed it out.
(() => {
  const went = [];
  let last = null;
  function note({ timeStamp }) {
    const id = document.querySelector('#klein .klein-moment[aria-selected="true"]')?.id ?? null;
    if (id === null || id === last) return;
    last = id;
    went.push({ id: id.replace("klein-moment-", ""), at_ms: performance.timeOrigin + timeStamp });
  }
  // On the window they come after the strip's own.
  for (const kind of ["keydown", "pointerdown", "pointermove"]) addEventListener(kind, note);
  window.kleinWent = { take: () => went.splice(0) };
})();
