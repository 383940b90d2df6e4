// JSON to and from our own server, with the session and the CSRF header.

const PATIENCE_MS = 20_000;
// AbortError: the page is being left while the answer still comes.
const CUT_OFF = ["AbortError", "SyntaxError", "TypeError", "TimeoutError"];
let closed = false;

// Somebody else has signed in: what this page still holds must not be sent in their name.
document.addEventListener("wop:person-changed", () => {
  closed = true;
});

/** The token of the cookie as it is now: signing in again elsewhere changes it under an open page. */
export function csrfToken() {
  const found = document.cookie.match(/(?:^|;\s*)(?:__Host-|__Secure-)?csrftoken=([^;]+)/);
  return found ? decodeURIComponent(found[1]) : "";
}

/**
 * {status, ok, data, wait}: the answer, its JSON or null, and Retry-After in seconds (0 if absent).
 * Status 0 means that no answer came. A 401 is also said to the page as `wop:signed-out`.
 */
export function api(method, url, body, { headers = {}, keepalive = false } = {}) {
  if (body === undefined) return send(method, url, undefined, headers, { keepalive });
  const typed = { "Content-Type": "application/json", ...headers };
  return send(method, url, JSON.stringify(body), typed, { keepalive });
}

/** As `api`, with a body of any kind, which the headers name. */
export async function send(method, url, body, headers = {}, { keepalive = false } = {}) {
  if (closed) return { status: 0, ok: false, data: null, wait: 0 };
  const request = {
    method,
    body,
    keepalive,
    signal: AbortSignal.timeout(PATIENCE_MS),
    credentials: "same-origin",
    headers: { Accept: "application/json", "X-CSRFToken": csrfToken(), ...headers },
  };
  let response;
  try {
    response = await fetch(url, request);
  } catch (error) {
    // fetch has one failure, a TypeError, for no network, no server and a refused connection.
    if (error.name !== "TimeoutError" && !(error instanceof TypeError)) throw error;
    return { status: 0, ok: false, data: null, wait: 0 };
  }
  if (response.status === 401) document.dispatchEvent(new CustomEvent("wop:signed-out"));
  return {
    status: response.status,
    ok: response.ok,
    data: await jsonOf(response),
    wait: Number(response.headers.get("Retry-After")) || 0,
  };
}

/** Whether the same request may succeed later without anybody changing it. */
export function mayPass(status) {
  return [0, 401, 408, 425, 429].includes(status) || status >= 500;
}

async function jsonOf(response) {
  if (!(response.headers.get("Content-Type") ?? "").includes("json")) return null;
  try {
    return await response.json();
  } catch (error) {
    if (!CUT_OFF.includes(error.name)) throw error;
    console.warn("An answer was cut off", response.status);
    return null;
  }
}
