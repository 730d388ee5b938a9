// More pairs for the labelling flow.
watch("value", () => { if (props.value) window.playgroundLabelling?.take(props.value); });
