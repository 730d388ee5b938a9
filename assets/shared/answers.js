// One stream of answers for as long as the page is open.
// gradio's server ends its stream when nothing is left to answer, and gradio's client believes it open until it has read
// that end: what is asked meanwhile is answered into no stream until something else is asked, and what was answered
// before the client knew of it opens a stream that nothing ends (gradio 6.31, open_stream in its client).
// Here the client keeps one stream, and the requests behind it come and go with what is still to be answered.
(function () {
  const ASK = "/queue/join", ANSWERS = "/queue/data", HEAD = /^data: ?\{"msg": ?"(\w+)", ?"event_id": ?(?:"(\w+)")?/;
  const plain = window.fetch.bind(window);
  const unanswered = new Set(), early = new Set();
  let readOn = () => {};

  async function read(request, pass) {
    const answer = await plain(request.clone());
    if (!answer.ok) throw answer;
    const source = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "", ended = false;
    for (let next = await source.read(); !next.done; next = await source.read()) {
      const messages = (rest + next.value).split("\n\n");
      rest = messages.pop();
      for (const message of messages) {
        const [, what, id] = HEAD.exec(message) || [];
        if (what === "process_completed" && !unanswered.delete(id)) early.add(id);
        if (what === "unexpected_error") unanswered.clear();
        if (what === "close_stream") ended = true;
        else pass(`${message}\n\n`);
      }
    }
    if (!ended) throw new TypeError("the stream of answers broke off");
  }

  function stream(request) {
    const encoder = new TextEncoder();
    let reader, reading = false;
    const body = new ReadableStream({ start: (controller) => { reader = controller; } });
    readOn = async () => {
      if (reading) return;
      reading = true;
      try {
        while (unanswered.size) await read(request, (message) => reader.enqueue(encoder.encode(message)));
      } catch (error) {
        unanswered.clear();
        // Who left the page needs no error.
        if (!request.signal.aborted) reader.error(error);
      }
      reading = false;
    };
    readOn();
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  window.fetch = async (input, init) => {
    const url = String(input.url ?? input);
    if (url.includes(ANSWERS)) return stream(new Request(input, init));
    const answer = await plain(input, init);
    if (url.includes(ASK) && answer.ok) {
      const { event_id: id } = await answer.clone().json();
      if (id && !early.delete(id)) unanswered.add(id);
      readOn();
    }
    return answer;
  };
})();
