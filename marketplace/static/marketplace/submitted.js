// The answer is stored. The page around this one takes the window on; where there is none, this one does.
const link = document.getElementById("way-on");
if (window.parent === window) {
  window.location.replace(link.href);
} else {
  window.parent.postMessage({ handedIn: link.dataset.assignment }, window.location.origin);
}
