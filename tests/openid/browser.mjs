// Opens an address as a browser would: keeps cookies, follows redirects, and submits the forms of the device flow, until
// there is nothing left to follow. Prints the last page.
let url = process.argv[2];
const cookies = new Map();

async function open(target, form) {
  const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
  const body = form && new URLSearchParams(form);
  const answer = await fetch(target, { method: form ? 'POST' : 'GET', headers, body, redirect: 'manual' });
  for (const cookie of answer.headers.getSetCookie()) {
    const [, name, value] = cookie.match(/^([^=]+)=([^;]*)/);
    if (value) cookies.set(name, value);
    else cookies.delete(name);
  }
  return answer;
}

let form;
for (let steps = 0; steps < 20; steps += 1) {
  const answer = await open(url, form);
  form = undefined;
  const location = answer.headers.get('location');
  if (location) {
    url = new URL(location, url).href;
    continue;
  }
  const page = await answer.text();
  const action = page.match(/<form[^>]*action="([^"]+)"/);
  if (!action) {
    console.log(answer.status, page);
    process.exit(0);
  }
  form = {};
  for (const [input] of page.matchAll(/<input[^>]*>/g)) {
    const name = input.match(/name="([^"]+)"/);
    const value = input.match(/value="([^"]*)"/);
    if (name) form[name[1]] = value ? value[1] : '';
  }
  if (page.includes('name="confirm"')) form.confirm = 'yes';
  url = new URL(action[1], url).href;
}
console.log('too many steps');
process.exit(1);
