// What the server says of a score that is being taken apart.
watch("value", () => { if (props.value) window.playgroundRanking?.explained(props.value); });
