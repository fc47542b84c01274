// The way through Gradio's own events, for where no WebSocket can be had.

/** Mounted by the hidden component of `live.py`; until then a message waits, only the newest. */
function createLane(onText) {
  let trigger = null;
  let waiting = null;

  function send(text) {
    waiting = text;
    if (trigger) trigger("send");
  }

  return {
    send,
    /** The event's input: whatever is newest when Gradio asks. */
    take: () => waiting,
    mount(props, fire, watch) {
      trigger = fire;
      watch("value", () => {
        if (props.value) onText(props.value);
      });
      if (waiting !== null) fire("send");
    },
  };
}
