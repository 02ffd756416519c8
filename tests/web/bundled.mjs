// Lets Node import packages that are meant for a bundler: ES modules that say neither so nor ".js".
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!specifier.startsWith(".")) throw error;
    return next(specifier + ".js", context);
  }
}

export async function load(url, context, next) {
  const ours = url.includes("/node_modules/improv-wifi-serial-sdk/");
  return next(url, ours ? { ...context, format: "module" } : context);
}
