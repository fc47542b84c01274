// Four seeds of the same words beside each other: the desk's own picture, and three more.

const MOST_SEED = 2 ** 32;
const NO_MORE = CONFIG.onlyEvents
  ? "Variations are not for this Space: each would take from your quota; run the app yourself."
  : "Variations need connections that cannot be had now; try again later.";

/** Every tile has a connection of its own, so each is as live as the desk's picture. */
function createVariations(root, where) {
  const tiles = root.querySelector(".klein-tiles");
  const well = root.querySelector(".klein-well");
  const picks = [...tiles.querySelectorAll(".klein-tile")];
  const canvases = [...tiles.querySelectorAll(".klein-tile-picture")];
  const button = root.querySelector(".klein-variations");
  let others = [];
  let desk = null;
  let newest = null;

  const isOn = () => others.length > 0;
  const seedOf = (place) => ((newest?.seed ?? desk.settings.values().seed) + place) % MOST_SEED;

  function other(canvas, place) {
    const stage = createStage(canvas, () => {});
    const seeds = new Map();
    let seq = 0;
    const link = createLink(where.socket, {
      frame(header, picture) {
        const seed = seeds.get(header.seq);
        // What a press goes on with is what is seen.
        stage.show(header, picture).then(() => {
          if (canvas.dataset.seq === String(header.seq)) name(place, seed);
        }, () => {});
        for (const old of seeds.keys()) if (old < header.seq) seeds.delete(old);
      },
      message() {},
      lost() {},
      refused: (sentence) => sentence && refuse(),
      slow: (isSlow) => isSlow && refuse(),
    });
    return {
      ask({ session, stands, ...message }) {
        seq += 1;
        seeds.set(seq, (message.seed + place) % MOST_SEED);
        link.send({ ...message, seq, seed: seeds.get(seq) });
      },
      empty() {
        seq += 1;
        stage.ignoreBefore(seq);
        link.clear(seq);
      },
      close() {
        link.close();
        canvas.width = canvas.height = 1;
      },
    };
  }

  function refuse() {
    leave();
    desk.speaker.notice(NO_MORE);
  }

  function enter() {
    others = canvases.map((canvas, index) => other(canvas, index + 1));
    show();
    desk.ask();
  }

  function leave() {
    for (const each of others) each.close();
    others = [];
    show();
  }

  function show() {
    tiles.hidden = !isOn();
    well.dataset.tiles = isOn() ? "yes" : "no";
    button.setAttribute("aria-pressed", String(isOn()));
    picks.forEach((pick, place) => {
      pick.firstChild.textContent = place + 1;
      if (!isOn() || place === 0) name(place, seedOf(place));
    });
  }

  function name(place, seed) {
    const pick = picks[place];
    pick.dataset.seed = seed;
    pick.setAttribute("aria-label", `Go on with picture ${place + 1}, seed ${seed}`);
    pick.title = `Seed ${seed}`;
  }

  /** Go on with one: its picture is the desk's own, and asked for as that it is there at once. */
  function choose(place) {
    if (!isOn()) return;
    const seed = Number(picks[place].dataset.seed);
    leave();
    if (place === 0) return;
    desk.settings.seedTo(seed);
    desk.ask();
    desk.focus();
  }

  picks.forEach((pick, place) => pick.addEventListener("click", () => choose(place)));
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOn()) return;
    event.preventDefault();
    if (tiles.contains(document.activeElement)) button.focus();
    leave();
  });

  return {
    join(made) {
      desk = made;
      show();
    },
    toggle: () => (isOn() ? leave() : enter()),
    /** Another tab is in front: nobody sees them. */
    rest: () => isOn() && !root.checkVisibility() && leave(),
    /** The picture numbered from 1. */
    pick(number) {
      const wasOn = isOn();
      choose(number - 1);
      return wasOn;
    },
    plus: {
      sent(message) {
        newest = message;
        for (const each of others) each.ask(message);
        if (isOn()) show();
      },
      emptied() {
        for (const each of others) each.empty();
      },
      /** A kept picture comes on screen, which has no variations yet. */
      looking: () => isOn() && leave(),
    },
  };
}
