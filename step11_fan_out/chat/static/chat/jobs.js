// Jobs, on every page: a bar shows how far each one is, and then a link leads to its file.

const jobs = document.getElementById("chat-jobs");
const jobForm = document.getElementById("chat-job-form"); // only in a room

function showJob({ job, done, failed }) {
  const bar = document.getElementById(`chat-job-${job}`) ?? addBar(job);
  bar.value = Math.max(bar.value, done); // an older frame can come after a newer one
  const end = bar.parentElement.nextElementSibling;
  if (failed) end.textContent = "This has failed.";
  if (bar.value < bar.max || end.firstChild) return;
  const href = `${jobs.dataset.url}${job}/`;
  end.append(Object.assign(document.createElement("a"), { href, textContent: "Save the file" }));
}

function addBar(job) {
  const bar = document.createElement("progress");
  Object.assign(bar, { id: `chat-job-${job}`, max: 100, value: 0 });
  const label = document.createElement("label");
  label.append(`Export ${job} `, bar);
  const item = document.createElement("li");
  item.append(label, document.createElement("span"));
  jobs.prepend(item);
  return bar;
}

jobForm?.addEventListener("submit", async (event) => {
  event.preventDefault();
  event.submitter.disabled = true;
  error.textContent = "";
  try {
    const response = await fetch(jobForm.action, { method: "POST", body: new FormData(jobForm) });
    const answer = await response.json();
    if (answer.error) error.textContent = answer.error;
    else showJob(answer);
  } catch {
    error.textContent = "This did not start. Reload the page.";
  }
  event.submitter.disabled = false;
});
