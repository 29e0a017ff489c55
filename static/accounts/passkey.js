// Says on the page when a passkey gave no answer: the reader cancelled, or there is none on this device.

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.getElementById("passkey-problem").hidden = false;
});
