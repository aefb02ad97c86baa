// SPDX-License-Identifier: BSL-1.0
// See walk.hpp.
#include "walk.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "../base/code_names.hpp"

#if WEFT_HAVE_LIBUNWIND
#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <libunwind.h>
#endif

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

bool starts_with(std::string_view text, std::string_view with) noexcept {
  return text.substr(0, with.size()) == with;
}

// Takes out what stands between `open` and its `close`, at any depth.
std::string without_inner(const std::string& name, char open, char close) {
  std::string kept;
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool is_operator = i >= 8 && name.compare(i - 8, 8, "operator") == 0;
    if (c == open && !is_operator && depth++ == 0) kept += c;
    if (c == close && !is_operator && depth > 0 && --depth == 0) kept += c;
    if (depth == 0 && c != open && c != close) kept += c;
  }
  return kept;
}

// True for weft's own functions that no user calls, and for what the standard library puts between
// them and the user's callable.
bool is_inside_weft(const std::string& name) {
  const std::string flat = without_inner(name, '<', '>');
  std::string_view plain = flat;
  constexpr std::string_view any_type = "decltype(auto) ";
  if (starts_with(plain, any_type)) plain.remove_prefix(any_type.size());
  if (starts_with(plain, "weft_v") || starts_with(plain, "__morestack")) return true;
  for (const char* own : {"weft::" WEFT_DETAIL_STRING_EXPAND(WEFT_ABI_NAMESPACE) "::detail::",
                          "std::__invoke", "std::invoke", "std::__apply", "std::apply"}) {
    const std::size_t at = plain.find(own);
    // At the start, or behind the type that a template returns.
    if (at != std::string_view::npos && plain.substr(0, at).find('(') == std::string_view::npos) {
      return true;
    }
  }
  return false;
}

// Names of templates fill pages; a line is for people.
std::string shortened(std::string name) {
  constexpr std::size_t long_name = 120;
  constexpr std::string_view version = WEFT_DETAIL_STRING_EXPAND(WEFT_ABI_NAMESPACE) "::";
  for (std::size_t at; (at = name.find(version)) != std::string::npos;) {
    name.erase(at, version.size());
  }
  if (name.size() > long_name) name = without_inner(name, '<', '>');
  if (name.size() > long_name) name = name.substr(0, long_name) + "...";
  return name;
}

#if WEFT_HAVE_LIBUNWIND

constexpr std::size_t most_calls = 128;

#define WEFT_STRING_OF(name) #name
#define WEFT_STRING_EXPAND(name) WEFT_STRING_OF(name)

// libunwind's own names of its functions: "_ULx86_64_step".
struct libunwind {
  decltype(&unw_init_local) init_local = nullptr;
  decltype(&unw_step) step = nullptr;
  decltype(&unw_get_reg) get_reg = nullptr;
  decltype(&unw_get_proc_name) get_proc_name = nullptr;

  libunwind() noexcept {
    void* const library = dlopen("libunwind.so.8", RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) return;
    find(library, WEFT_STRING_EXPAND(unw_init_local), init_local);
    find(library, WEFT_STRING_EXPAND(unw_step), step);
    find(library, WEFT_STRING_EXPAND(unw_get_reg), get_reg);
    find(library, WEFT_STRING_EXPAND(unw_get_proc_name), get_proc_name);
  }

  template <class F>
  static void find(void* library, const char* name, F& function) noexcept {
    function = reinterpret_cast<F>(dlsym(library, name));
  }

  bool is_there() const noexcept {
    return init_local != nullptr && step != nullptr && get_reg != nullptr &&
           get_proc_name != nullptr;
  }
};

const libunwind& the_libunwind() noexcept {
  static const libunwind opened;
  return opened;
}

bool has_libunwind() noexcept { return the_libunwind().is_there(); }

// The registers as getcontext() would have found them on that side. libunwind refuses to set the
// stack pointer of a cursor, so the cursor is made from these.
void fill(unw_context_t& state, const suspended_side& from) noexcept {
  state = unw_context_t{};
#if defined(__x86_64__)
  auto& registers = state.uc_mcontext.gregs;
  constexpr int kept[] = {REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15};
  for (std::size_t i = 0; i < kept_registers; ++i) {
    registers[kept[i]] = static_cast<long long>(from.kept[i]);
  }
  registers[REG_RIP] = static_cast<long long>(from.pc);
  registers[REG_RSP] = static_cast<long long>(from.sp);
#elif defined(__aarch64__)
  auto& registers = state.uc_mcontext;
  for (std::size_t i = 0; i < kept_registers; ++i) registers.regs[19 + i] = from.kept[i];
  registers.pc = from.pc;
  registers.sp = from.sp;
#endif
}

#else

bool has_libunwind() noexcept { return false; }

#endif

}  // namespace

stack_walker::stack_walker(bool may_unwind) : unwinds_(may_unwind && has_libunwind()) {}

const stack_walker::call& stack_walker::call_at(const void* address, const char* symbol) {
  const auto found = known_.find(address);
  if (found != known_.end()) return found->second;
  call made;
  made.text = name_of_code(address, symbol);
  made.is_inside = is_inside_weft(made.text);
  made.is_body = made.is_inside && made.text.find("::payload<") != std::string::npos;
  // "function(int) (program+0x1234)"
  const std::size_t place = made.text.rfind(" (");
  if (place != std::string::npos) {
    made.text = shortened(made.text.substr(0, place)) + made.text.substr(place);
  }
  return known_.emplace(address, std::move(made)).first->second;
}

std::vector<const stack_walker::call*> stack_walker::unwind(const suspended_side& from) {
  std::vector<const call*> calls;
#if WEFT_HAVE_LIBUNWIND
  const libunwind& library = the_libunwind();
  unw_context_t state;
  unw_cursor_t cursor;
  fill(state, from);
  if (library.init_local(&cursor, &state) != 0) return calls;
  while (calls.size() < most_calls && library.step(&cursor) > 0) {
    unw_word_t pc = 0;
    if (library.get_reg(&cursor, UNW_REG_IP, &pc) != 0 || pc == 0) break;
    auto* const address = reinterpret_cast<const void*>(pc - 1);  // inside the call
    char symbol[1024];
    const char* name = nullptr;
    if (known_.count(address) == 0) {
      unw_word_t offset = 0;
      const int status = library.get_proc_name(&cursor, symbol, sizeof symbol, &offset);
      if (status == 0 || status == -UNW_ENOMEM) name = symbol;  // the latter: cut off
    }
    calls.push_back(&call_at(address, name));
  }
#else
  static_cast<void>(from);
#endif
  return calls;
}

std::vector<std::string> stack_walker::walk(const suspended_side& from) {
  std::vector<std::string> texts;
  if (from.pc == 0) return texts;
  std::vector<const call*> calls;
  if (unwinds_) calls = unwind(from);
  if (calls.empty()) {
    calls.push_back(&call_at(static_cast<const char*>(from.caller) - 1, nullptr));
  }
  const call* body = nullptr;  // the outermost: the fiber's own
  bool has_users = false;
  for (const call* const one : calls) {
    if (one->is_body) body = one;
    if (!one->is_inside) texts.push_back(one->text);
    has_users = has_users || (!one->is_inside && !starts_with(one->text, "weft::"));
  }
  if (texts.empty()) texts.push_back(calls.front()->text);
  // The user's callable was inlined into weft's call of it.
  if (!has_users && body != nullptr) texts.push_back(body->text);
  return texts;
}

}  // namespace detail
WEFT_NAMESPACE_END
