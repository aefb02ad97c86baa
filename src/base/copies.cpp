// SPDX-License-Identifier: BSL-1.0
// Two copies of weft in one process (each of two shared libraries linked the static archive, say)
// do not see each other's loops: a fiber of one is a plain thread to the other, and its awaits
// block. Every copy therefore carries an ELF note, and the first loop of a copy looks for more.
#include "copies.hpp"

#include <elf.h>
#include <link.h>

#include <atomic>
#include <cstring>
#include <string_view>
#include <vector>

#include "weft/report.hpp"
#include "weft/version.hpp"

#if defined(__aarch64__) || defined(__arm__)
#define WEFT_NOTE_TYPE "%note"
#else
#define WEFT_NOTE_TYPE "@note"
#endif

// name "weft", type 1, description "<version> <backend>"
asm(".pushsection .note.weft, \"a\", " WEFT_NOTE_TYPE
    "\n"
    ".balign 4\n"
    ".long 5\n"
    ".long 2f - 1f\n"
    ".long 1\n"
    ".asciz \"weft\"\n"
    ".balign 4\n"
    "1: .asciz \"" WEFT_VERSION_STRING " " WEFT_BACKEND_NAME
    "\"\n"
    "2: .balign 4\n"
    ".popsection\n");

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

struct found {
  std::string file;
  std::string what;
};

std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

void look_at_notes(const char* at, const char* end, std::size_t unit, const char* file,
                   std::vector<found>& copies) {
  while (at + sizeof(ElfW(Nhdr)) <= end) {
    const auto* const note = reinterpret_cast<const ElfW(Nhdr)*>(at);
    const char* const name = at + sizeof *note;
    const char* const what = name + round_up(note->n_namesz, unit);
    if (note->n_namesz == 5 && std::memcmp(name, "weft", 5) == 0 && note->n_type == 1) {
      copies.push_back({*file != '\0' ? file : "the program itself",
                        std::string(what, strnlen(what, note->n_descsz))});
      return;  // two backends side by side in one object are meant
    }
    at = what + round_up(note->n_descsz, unit);
  }
}

int look_at_object(dl_phdr_info* object, std::size_t, void* copies) {
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object->dlpi_phdr[i];
    if (part.p_type != PT_NOTE) continue;
    const char* const begin = reinterpret_cast<const char*>(object->dlpi_addr + part.p_vaddr);
    const std::size_t unit = part.p_align == 8 ? 8 : 4;
    const std::size_t before = static_cast<std::vector<found>*>(copies)->size();
    look_at_notes(begin, begin + part.p_memsz, unit, object->dlpi_name,
                  *static_cast<std::vector<found>*>(copies));
    if (static_cast<std::vector<found>*>(copies)->size() != before) break;
  }
  return 0;
}

std::atomic<bool> has_reported{false};

}  // namespace

void report_other_copies() noexcept {
  if (has_reported.load(std::memory_order_relaxed)) return;
  try {
    std::vector<found> copies;
    dl_iterate_phdr(&look_at_object, &copies);
    if (copies.size() < 2 || has_reported.exchange(true, std::memory_order_relaxed)) return;
    std::string text =
        "weft: this process holds " + std::to_string(copies.size()) + " copies of weft:";
    for (const found& one : copies) text += " " + one.file + " (weft " + one.what + ")";
    text +=
        ". A fiber of one is a plain thread to the others, so its waits there block the loop. "
        "Link all of them with one shared libweft.";
    send_report(text);
  } catch (...) {  // out of memory: a hint is not worth failing for
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
