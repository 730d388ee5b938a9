// A file made on the server and handed to this visitor only: it never lies under a public address.
let last = null;
watch("value", () => {
  const file = props.value;
  if (!file || file.nonce === last) return;
  last = file.nonce;
  window.playground.download(file);
});
