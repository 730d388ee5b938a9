// What the server says of a label that was given, or of the labels of the list on the page.
watch("value", () => {
  const { value } = props;
  if (!value) return;
  if (value.labels) window[value.view]?.labelled(value);
  else window.playgroundLabels.answered(value);
});
