// A photo from the camera, in a dialog.

const NO_CAMERA = "No camera can be used here; allow it for this page, or add an image file.";

/** `onPhoto(blob)` when one was taken. */
function createCamera(dialog, onPhoto) {
  const video = dialog.querySelector("video");
  const sentence = dialog.querySelector("p");
  let stream = null;

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
  }

  dialog.addEventListener("close", stop);
  return {
    async open() {
      sentence.textContent = "";
      dialog.showModal();
      try {
        const asked = { video: { width: { ideal: 1280 } }, audio: false };
        const granted = await navigator.mediaDevices.getUserMedia(asked);
        stop();
        stream = granted;
        // Closed while the browser was asking.
        if (!dialog.open) stop();
        else video.srcObject = granted;
      } catch {
        sentence.textContent = NO_CAMERA;
      }
    },
    shoot() {
      if (!video.videoWidth) return;
      const canvas = document.createElement("canvas");
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob(onPhoto, "image/jpeg", 0.95);
      dialog.close();
    },
    close: () => dialog.close(),
  };
}
