// The wall: the pins of a board in their order, each in its own shape.

/** `show(pins)` keeps what is there; `visible()` are the ids that the search leaves, in order. */
function createWall(list, thumbnail) {
  const cards = new Map();
  const nearness = createNearness(thumbnail);
  let shown = [];
  let words = [];

  function matches(pin) {
    const text = mentions(pin);
    return words.every((word) => text.includes(word));
  }

  function sieve() {
    for (const pin of shown) cards.get(pin.id).hidden = !matches(pin);
  }

  const visible = () => shown.map(({ id }) => id).filter((id) => !cards.get(id).hidden);

  return {
    visible,
    card: (id) => cards.get(id) ?? null,
    pin: (id) => shown.find((pin) => pin.id === id) ?? null,
    show(pins) {
      const there = new Set(pins.map(({ id }) => id));
      for (const [id, item] of cards) {
        if (there.has(id)) continue;
        nearness.unobserve(item);
        item.remove();
        cards.delete(id);
      }
      // Moving what has the focus would take it away.
      const focused = document.activeElement;
      pins.forEach((pin, index) => {
        const isNew = !cards.has(pin.id);
        if (isNew) cards.set(pin.id, createPinCard(pin));
        const item = cards.get(pin.id);
        if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
        if (isNew) nearness.observe(item);
        fillPinCard(item, pin);
      });
      if (focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
      shown = pins;
      sieve();
    },
    search(text) {
      words = text.toLocaleLowerCase().split(/[\s,]+/).filter(Boolean);
      sieve();
    },
    isSearched: () => words.length > 0,
    /** The pin above or below, nearest to the middle of the one called `id`; null at an end. */
    beside(id, way) {
      const from = cards.get(id);
      const middle = (item) => item.offsetLeft + item.offsetWidth / 2;
      const others = visible().map((other) => cards.get(other))
        .filter((item) => (way < 0 ? item.offsetTop < from.offsetTop : item.offsetTop > from.offsetTop));
      if (others.length === 0) return null;
      const row = way < 0 ? Math.max(...others.map((item) => item.offsetTop)) : Math.min(...others.map((item) => item.offsetTop));
      const off = (item) => Math.abs(middle(item) - middle(from));
      const inRow = others.filter((item) => item.offsetTop === row);
      return inRow.reduce((best, item) => (off(item) < off(best) ? item : best)).dataset.pin;
    },
  };
}
