// Puts a saved threshold on the panel's line and shows the panel.
let last = null;
watch("value", () => {
  const line = props.value;
  if (!line || line.nonce === last) return;
  last = line.nonce;
  window.playgroundThreshold?.set(line.value, { origin: line.name });
  document.querySelector("#threshold-tab-panel-button")?.click();
});
