/** Which part of the console is looked at, as it stands in the address behind the "#". */

export type Route =
  | { readonly page: 'overview'; readonly node: string | undefined }
  | {
      readonly page: 'keys'
      readonly bucket: string
      readonly prefix: string
      readonly key: string | undefined
      readonly sort: string | undefined
    }
  | { readonly page: 'buckets'; readonly bucket: string | undefined }

export const DEFAULT_BUCKET = 'default'
export const HOME: Route = { page: 'overview', node: undefined }

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2)
  const [, page, first, second] = path.split('/').map(decode)
  const parameters = new URLSearchParams(query)
  if (page === 'keys')
    return {
      page,
      bucket: first === undefined || first === '' ? DEFAULT_BUCKET : first,
      prefix: parameters.get('prefix') ?? '',
      key: second === '' ? undefined : second,
      sort: parameters.get('sort') ?? undefined,
    }
  if (page === 'buckets') return { page, bucket: first === '' ? undefined : first }
  return { page: 'overview', node: parameters.get('node') ?? undefined }
}

export function hashOf(route: Route): string {
  const encode = encodeURIComponent
  switch (route.page) {
    case 'overview':
      return route.node === undefined ? '#/' : `#/?node=${encode(route.node)}`
    case 'buckets':
      return route.bucket === undefined ? '#/buckets' : `#/buckets/${encode(route.bucket)}`
    case 'keys': {
      const key = route.key === undefined ? '' : `/${encode(route.key)}`
      const query = new URLSearchParams()
      if (route.prefix !== '') query.set('prefix', route.prefix)
      if (route.sort !== undefined) query.set('sort', route.sort)
      const text = query.toString()
      return `#/keys/${encode(route.bucket)}${key}${text === '' ? '' : `?${text}`}`
    }
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Written by hand, and not by this page: taken as it stands.
    return text
  }
}
