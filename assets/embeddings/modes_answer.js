// What the server says of the modes of bge-m3.
watch("value", () => { if (props.value) window.playgroundEmbeddings?.modes(props.value); });
