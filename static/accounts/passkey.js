// Connects the button of a page to the passkeys of the device, and says when none of them answered: the reader cancelled,
// or this device has none. The scripts before this one speak to the browser.

const forms = window.allauth.webauthn.forms;
const ids = { credential: "credential", data: "passkey-challenge" };
if (document.getElementById("use-passkey")) forms.authenticateForm({ ids: { authenticate: "use-passkey", ...ids } });
if (document.getElementById("add-passkey")) forms.addForm({ ids: { add: "add-passkey", ...ids } });

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.getElementById("passkey-problem").hidden = false;
});
