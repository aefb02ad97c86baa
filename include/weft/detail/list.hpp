// SPDX-License-Identifier: BSL-1.0
// An intrusive, circular, doubly linked list: waiting costs no allocation, and whoever waits can
// leave in O(1) without knowing the list. Layer: base. Nodes belong to their owners; a node is in
// at most one list; the list is empty when it dies.
#pragma once

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct list_node {
  list_node* prev = nullptr;  // nullptr in both: in no list
  list_node* next = nullptr;

  bool is_linked() const noexcept { return next != nullptr; }

  void unlink() noexcept {
    prev->next = next;
    next->prev = prev;
    prev = next = nullptr;
  }
};

class list {
 public:
  list() noexcept { head_.prev = head_.next = &head_; }
  list(const list&) = delete;
  list& operator=(const list&) = delete;

  bool empty() const noexcept { return head_.next == &head_; }

  void push_back(list_node& node) noexcept {
    node.prev = head_.prev;
    node.next = &head_;
    head_.prev->next = &node;
    head_.prev = &node;
  }

  void push_front(list_node& node) noexcept {
    node.prev = &head_;
    node.next = head_.next;
    head_.next->prev = &node;
    head_.next = &node;
  }

  // Precondition: !empty().
  list_node& front() noexcept { return *head_.next; }

  // Takes the first node out; nullptr when there is none.
  list_node* pop_front() noexcept {
    if (empty()) return nullptr;
    list_node* const node = head_.next;
    node->unlink();
    return node;
  }

  // The first node for which f(node) is true; nullptr when there is none.
  template <class F>
  list_node* find_if(F&& f) noexcept {
    for (list_node* node = head_.next; node != &head_; node = node->next) {
      if (f(*node)) return node;
    }
    return nullptr;
  }

  // Calls f(node) for each; f may take that node out.
  template <class F>
  void for_each(F&& f) {
    for (list_node* node = head_.next; node != &head_;) {
      list_node& present = *node;
      node = node->next;
      f(present);
    }
  }

 private:
  list_node head_;  // sentinel: first and last of the circle
};

}  // namespace detail
WEFT_NAMESPACE_END
