// The model of the moment, everywhere on the page, and the picker that asks for another one.

const UNREACHED = "The app cannot be reached now; choose the model again once it is back.";

/**
 * `config.row` is what the page knows of its model: at first what the page was built for, then the
 * newest `hello`. `on.choose(name)` hands a choice to the server, false where there is no way to
 * it; `on.other()` after the model became another one.
 */
function createModels(select, config, on) {
  const refit = createRefit();
  let isKnown = false;
  let early = "";

  select.addEventListener("change", () => {
    if (on.choose(select.value)) return;
    // A page that has just opened is about to find its way.
    if (!isKnown) return (early = select.value);
    show();
    on.refused(UNREACHED);
  });

  function show() {
    select.value = config.row.model.name;
  }

  return {
    refit,
    /** Whether the page can follow `hello`: not to what it never offered. */
    follow(hello) {
      const isOffered = [...select.options].some(({ value }) => value === hello.model.name);
      if (hello.protocol !== PROTOCOL || !isOffered) return false;
      const isOther = hello.model.name !== config.row.model.name;
      config.row = hello;
      isKnown = true;
      if (early && on.choose(early)) select.value = early;
      else show();
      early = "";
      if (isOther) {
        refit.fire();
        on.other();
      }
      return true;
    },
  };
}

/** Fires the hidden part of `refit.py` that brings the widgets' new choices. */
function createRefit() {
  let fire = null;
  let waits = false;
  return {
    mount(trigger) {
      fire = trigger;
      if (waits) fire();
      waits = false;
    },
    fire() {
      if (fire) fire();
      else waits = true;
    },
  };
}

/** What a desk says of its model, but for the widgets. */
function describe(root, { model, limits }) {
  root.querySelector(".klein-about").textContent = model.built_in ? model.about : model.restriction;
  const limit = root.querySelector(".klein-limit");
  if (limit) limit.textContent = `${model.title} looks at up to ${limits.references} at once.`;
}
