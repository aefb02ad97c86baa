// SPDX-License-Identifier: BSL-1.0
// An ELF file of x86-64 or AArch64: headers, dynamic section, symbols. Layer: hook, in the program
// weft-audit. Trusts nothing that the file says; what lies outside it or contradicts itself is
// bad_file. Knows nothing of what is blocking.
#pragma once

#include <elf.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.hpp"

namespace weft_audit {

struct symbol {
  std::string_view name;
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  unsigned char type = STT_NOTYPE;
  bool is_defined = false;
  std::string_view wanted_from;  // of one that is not defined: the library that its version names
};

// What the dynamic linker is told.
struct dynamic_section {
  bool is_there = false;
  std::vector<std::string_view> needed;
  std::string_view soname;
  std::string_view rpath;
  std::string_view runpath;
  std::uint64_t flags = 0;       // DF_
  std::uint64_t more_flags = 0;  // DF_1_
  bool is_symbolic = false;      // DT_SYMBOLIC or DF_SYMBOLIC
};

class elf_file {
 public:
  // Throws: bad_file.
  explicit elf_file(std::vector<unsigned char> content);
  // The file of that name.  Throws: bad_file, which says why it cannot be read.
  static elf_file of_path(const std::string& path);

  elf_file(elf_file&&) = default;
  elf_file& operator=(elf_file&&) = default;

  bool is_x86_64() const noexcept { return header_.e_machine == EM_X86_64; }
  unsigned machine() const noexcept { return header_.e_machine; }
  bool is_executable_type() const noexcept { return header_.e_type == ET_EXEC; }
  bool has_interpreter() const noexcept { return find_segment(PT_INTERP) != nullptr; }
  // A program without a dynamic linker: all of the C library is in it.
  bool is_static() const noexcept;
  bool is_static_pie() const noexcept { return is_static() && !is_executable_type(); }
  std::uint64_t thread_bytes() const noexcept;

  const dynamic_section& dynamic() const noexcept { return dynamic_; }
  // Symbols that other files see or are to give. Of the dynamic section.
  const std::vector<symbol>& dynamic_symbols() const noexcept { return dynamic_symbols_; }
  // All that it was linked from; none if it is stripped.
  const std::vector<symbol>& all_symbols() const noexcept { return all_symbols_; }

  bytes content() const noexcept { return {content_.data(), content_.size()}; }
  const std::vector<Elf64_Phdr>& segments() const noexcept { return segments_; }
  const Elf64_Phdr* find_segment(unsigned type) const noexcept;
  // A section's place, by name; nullptr if there is none.
  const Elf64_Shdr* find_section(std::string_view name) const;
  // From there to the end of the segment that holds it.  Throws: bad_file if none does.
  bytes at_address(std::uint64_t address, const char* what) const;
  bool has_address(std::uint64_t address) const noexcept;

 private:
  void read_header();
  void read_segments();
  void read_sections();
  void read_dynamic();
  void read_dynamic_symbols();
  void read_all_symbols();
  std::uint64_t count_dynamic_symbols() const;
  std::uint64_t count_by_gnu_hash(std::uint64_t address) const;
  std::vector<std::string_view> read_versions() const;
  symbol read_symbol(bytes table, std::uint64_t index, bytes names) const;
  const std::uint64_t* find_dynamic(std::int64_t tag) const noexcept;
  bytes dynamic_names() const;

  std::vector<unsigned char> content_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> segments_;
  std::vector<Elf64_Shdr> sections_;
  std::vector<Elf64_Dyn> dynamic_entries_;
  dynamic_section dynamic_;
  std::vector<symbol> dynamic_symbols_;
  std::vector<symbol> all_symbols_;
};

}  // namespace weft_audit
