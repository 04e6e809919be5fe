/** The properties of one bucket, being changed. */
import { checkForm, quorumText } from '../model/bucket-form.ts'
import type { BucketForm, CheckedForm } from '../model/bucket-form.ts'
import { formatBytes } from '../model/format.ts'
import { field } from './draft-view.ts'
import { button, notice } from './parts.ts'
import type { Ui } from './ui.ts'
import { h } from './vdom.ts'
import type { VNode } from './vdom.ts'

/** Until the layout is known: what a cluster is born with. */
const REPLICAS_DEFAULT = 3

export function bucketFormView(ui: Ui, form: BucketForm): VNode {
  const { buckets, live } = ui
  const replicas = live.layout?.replicas ?? REPLICAS_DEFAULT
  const checked = checkForm(form, replicas)
  return h(
    'form',
    {
      ...{ class: 'bucket-form value-box', key: 'form', 'aria-label': 'Properties of the bucket' },
      onsubmit: (event: Event) => {
        event.preventDefault()
        void buckets.save(replicas)
      },
    },
    h('h2', {}, buckets.isNew ? 'New bucket' : form.name),
    buckets.isNew && nameField(ui, form, checked),
    h(
      'div',
      { class: 'fields' },
      numberField(ui, form, checked, ['n', 'Replicas (n)', 'copies of each key']),
      numberField(ui, form, checked, ['r', 'Read quorum (r)', 'that must answer a read']),
      numberField(ui, form, checked, ['w', 'Write quorum (w)', 'that must store a write']),
    ),
    h(
      'p',
      { class: 'promise', role: 'status' },
      checked.properties === undefined
        ? 'Something here cannot be as it is written.'
        : quorumText(checked.properties),
    ),
    conflictsField(ui, form),
    limitFields(ui, form, checked),
    sloppyField(ui, form),
    buckets.formProblem !== undefined && notice('bad', buckets.formProblem),
    actions(ui, checked),
  )
}

function nameField({ buckets }: Ui, form: BucketForm, { problems }: CheckedForm): VNode {
  const problem = form.name === '' ? undefined : problems.get('name')
  return field('Name', form.name, (name) => buckets.change({ name }), {
    focused: true,
    ...(problem === undefined ? {} : { hint: problem, isWrong: true }),
  })
}

function numberField(
  { buckets }: Ui,
  form: BucketForm,
  { problems }: CheckedForm,
  [name, title, hint]: readonly ['n' | 'r' | 'w' | 'valueBytesMax', title: string, hint: string],
): VNode {
  return field(title, form[name], (value) => buckets.change({ [name]: value }), {
    ...{ hint: problems.get(name) ?? hint, isWrong: problems.has(name) },
    numeric: true,
  })
}

function limitFields(ui: Ui, form: BucketForm, checked: CheckedForm): VNode {
  const { problems } = checked
  const largest = formatBytes(Number(form.valueBytesMax) || 0)
  return h(
    'div',
    { class: 'fields' },
    field('Values live', form.ttl, (ttl) => ui.buckets.change({ ttl }), {
      hint: problems.get('ttl') ?? 'empty: for ever',
      isWrong: problems.has('ttl'),
    }),
    numberField(ui, form, checked, ['valueBytesMax', 'Largest value, bytes', largest]),
  )
}

function sloppyField({ buckets }: Ui, form: BucketForm): VNode {
  return h(
    'label',
    { class: 'check' },
    h('input', {
      ...{ type: 'checkbox', checked: form.sloppy },
      onchange: (event: Event) =>
        buckets.change({ sloppy: (event.target as HTMLInputElement).checked }),
    }),
    h('span', {}, 'Another node may stand in for a replica that is away, with a hint'),
  )
}

function actions({ buckets }: Ui, { properties }: CheckedForm): VNode {
  const { isBusy } = buckets
  return h(
    'div',
    { class: 'actions' },
    h(
      'button',
      { type: 'submit', class: 'button', disabled: properties === undefined || isBusy },
      isBusy ? 'Changing …' : 'Put in force',
    ),
    button('Cancel', () => buckets.change(undefined), { class: 'quiet' }),
    !buckets.isNew &&
      button('Back to the defaults', () => void buckets.reset(), {
        ...{ class: 'quiet end', disabled: isBusy },
      }),
  )
}

const MODES = [
  ['lww', 'The last write wins', 'One value; of writes at the same time, the latest stamp.'],
  ['siblings', 'Keep all', 'Every concurrent value, for readers to merge.'],
] as const

function conflictsField({ buckets }: Ui, form: BucketForm): VNode {
  return h(
    'fieldset',
    { class: 'choices' },
    h('legend', {}, 'When two write at the same time'),
    MODES.map(([mode, title, text]) =>
      h(
        'label',
        { class: 'choice' },
        h('input', {
          ...{ type: 'radio', name: 'conflicts', value: mode, checked: form.conflicts === mode },
          onchange: () => buckets.change({ conflicts: mode }),
        }),
        h('span', {}, h('strong', {}, title), h('small', { class: 'note' }, text)),
      ),
    ),
  )
}
