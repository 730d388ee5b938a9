// Unseen: hands what the server sends to the part of the page that waits for it.
watch("value", () => { if (props.value) window[props.value.to]?.take(props.value); });
