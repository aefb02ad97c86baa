// SPDX-License-Identifier: BSL-1.0
// The chains of values of fiber_locals: see weft/detail/local_node.hpp.
#include <string>
#include <utility>

#include "loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/local_node.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// Of plain threads alone: fibers have theirs in their records. Loops never touch it while they run.
thread_local local_node* locals_of_thread = nullptr;

void share(local_node* head) noexcept {
  if (head != nullptr) head->references.fetch_add(1, std::memory_order_relaxed);
}

// True if nobody else can see the node, provided that this is so for those before it.
// acquire; pairs with let_go() of those who could
bool is_unshared(const local_node& node) noexcept {
  return node.references.load(std::memory_order_acquire) == 1;
}

// A loop: a chain may be long. Destructors of values are user code and may come back here, so
// `head` is out of every reach by now.
void let_go(local_node* head) noexcept {
  // acq_rel: the last one destroys what the others read
  while (head != nullptr && head->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    local_node* const next = head->next;
    delete head;
    head = next;
  }
}

struct thread_end {
  ~thread_end() { let_go(std::exchange(locals_of_thread, nullptr)); }
};

// Where the caller's chain hangs; `has` is what says so to a fiber's hot paths.
struct locals_place {
  local_node*& head;
  bool* has;
  bool keeps;  // `has` stays true without any
};

locals_place here_and_now() noexcept {
  loop_core* const here = running_loop();
  if (here != nullptr && here->current != &here->idle) {
    fiber& self = *here->current;
    const bool has_owned = (self.attention & attention_owned) != 0 && &self != &here->root;
    return {self.locals, &self.has_locals, has_owned};
  }
  static thread_local const thread_end at_end;
  static_cast<void>(at_end);
  return {locals_of_thread, nullptr, false};
}

const local_node* find_node(const local_node* node, std::uint64_t key) noexcept {
  while (node != nullptr && node->key != key) node = node->next;
  return node;
}

// Takes the variable out of the caller's chain; `rest` is what the caller is to let go of. Nodes
// that others share are copied up to the variable's, so that no value is kept that nobody can get.
// Throws: std::bad_alloc, with nothing done.
void take_out(local_node*& head, std::uint64_t key, local_node*& rest) {
  local_node** link = &head;
  while (*link != nullptr && (*link)->key != key && is_unshared(**link)) link = &(*link)->next;
  if (*link != nullptr && is_unshared(**link)) {
    rest = *link;
    *link = std::exchange(rest->next, nullptr);
    return;
  }
  local_node* const shared = *link;
  const local_node* const found = find_node(shared, key);
  if (found == nullptr) return;
  local_node* first = nullptr;
  local_node** last = &first;
  try {
    for (const local_node* n = shared; n != found; n = n->next) {
      *last = new local_node;
      (*last)->key = n->key;
      (*last)->value = n->value;
      last = &(*last)->next;
    }
  } catch (...) {
    let_go(first);
    throw;
  }
  share(found->next);
  *last = found->next;
  *link = first;
  rest = shared;
}

}  // namespace

std::uint64_t new_local_key() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;  // relaxed: only to be another one
}

const std::shared_ptr<const void>* find_local(std::uint64_t key) noexcept {
  const local_node* const found = find_node(here_and_now().head, key);
  return found != nullptr && found->value != nullptr ? &found->value : nullptr;
}

void set_local(std::unique_ptr<local_node> made) noexcept {
  const locals_place here = here_and_now();
  local_node* rest = nullptr;
  try {
    take_out(here.head, made->key, rest);
  } catch (...) {  // no memory: the old value stays behind the new one, unseen
  }
  // One without a value is there to hide such an old one.
  if (made->value != nullptr || find_node(here.head, made->key) != nullptr) {
    made->next = here.head;
    here.head = made.release();
  }
  if (here.has != nullptr) *here.has = here.keeps || here.head != nullptr;
  let_go(rest);
}

void reset_local(std::uint64_t key) {
  const locals_place here = here_and_now();
  local_node* rest = nullptr;
  take_out(here.head, key, rest);
  if (here.has != nullptr) *here.has = here.keeps || here.head != nullptr;
  let_go(rest);
}

void throw_no_local() {
  const loop_core* const here = running_loop();
  misuse("fiber_local::get() found no value in " +
         (here != nullptr ? describe(*here->current) : std::string("a plain thread")) +
         ": set() one there or before it was spawned, give the variable a default, or ask find()");
}

void inherit_locals(fiber& record, const fiber& parent) noexcept {
  if (!parent.has_locals) return;
  share(parent.locals);
  record.locals = parent.locals;
  record.has_locals = true;
}

void inherit_locals_of_thread(fiber& root) noexcept {
  if (root.has_locals || locals_of_thread == nullptr) return;
  share(locals_of_thread);
  root.locals = locals_of_thread;
  root.has_locals = true;
}

void drop_locals(fiber& record) noexcept {
  while (record.has_locals) {  // a destructor may have set one
    record.has_locals = false;
    let_go(std::exchange(record.locals, nullptr));
    if ((record.attention & attention_owned) != 0) drop_owned(record);
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
