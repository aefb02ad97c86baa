// SPDX-License-Identifier: BSL-1.0
// See elf_file.hpp: what the dynamic linker reads, and both tables of symbols. The dynamic section
// is read as ld.so does, by addresses: a file may have no section headers.
#include <algorithm>
#include <map>

#include "elf_file.hpp"

namespace weft_audit {

const std::uint64_t* elf_file::find_dynamic(std::int64_t tag) const noexcept {
  for (const Elf64_Dyn& one : dynamic_entries_) {
    if (one.d_tag == tag) return &one.d_un.d_val;
  }
  return nullptr;
}

bytes elf_file::dynamic_names() const {
  const std::uint64_t* const at = find_dynamic(DT_STRTAB);
  if (at == nullptr) throw bad_file("its dynamic section names no table of strings");
  const bytes rest = at_address(*at, "its table of dynamic strings");
  const std::uint64_t* const count = find_dynamic(DT_STRSZ);
  return count == nullptr ? rest : rest.part(0, *count, "its table of dynamic strings");
}

void elf_file::read_dynamic() {
  const Elf64_Phdr* const segment = find_segment(PT_DYNAMIC);
  if (segment == nullptr) return;
  const bytes table = content().part(segment->p_offset, segment->p_filesz, "its dynamic section");
  for (std::uint64_t at = 0; table.has(at, sizeof(Elf64_Dyn)); at += sizeof(Elf64_Dyn)) {
    const auto one = table.read<Elf64_Dyn>(at, "its dynamic section");
    if (one.d_tag == DT_NULL) break;
    dynamic_entries_.push_back(one);
  }
  dynamic_.is_there = true;
  for (const Elf64_Dyn& one : dynamic_entries_) {
    const std::uint64_t value = one.d_un.d_val;
    const auto name = [&] { return dynamic_names().text(value, "a dynamic string"); };
    if (one.d_tag == DT_NEEDED) dynamic_.needed.push_back(name());
    if (one.d_tag == DT_SONAME) dynamic_.soname = name();
    if (one.d_tag == DT_RPATH) dynamic_.rpath = name();
    if (one.d_tag == DT_RUNPATH) dynamic_.runpath = name();
    if (one.d_tag == DT_FLAGS) dynamic_.flags = value;
    if (one.d_tag == DT_FLAGS_1) dynamic_.more_flags = value;
    if (one.d_tag == DT_SYMBOLIC) dynamic_.is_symbolic = true;
  }
  if ((dynamic_.flags & DF_SYMBOLIC) != 0) dynamic_.is_symbolic = true;
}

// The table says nowhere how long it is, but each defined symbol stands in the hash table. Source:
// glibc, elf/dl-lookup.c.
std::uint64_t elf_file::count_by_gnu_hash(std::uint64_t address) const {
  const bytes table = at_address(address, "its hash table");
  const auto buckets = table.read<std::uint32_t>(0, "its hash table");
  const auto first = table.read<std::uint32_t>(4, "its hash table");
  const auto words = table.read<std::uint32_t>(8, "its hash table");
  const std::uint64_t bucket_at = 16 + std::uint64_t{words} * 8;
  std::uint64_t last = 0;
  for (std::uint64_t i = 0; i < buckets; ++i) {
    last = std::max<std::uint64_t>(last,
                                   table.read<std::uint32_t>(bucket_at + i * 4, "a hash bucket"));
  }
  if (last < first) return first;  // it defines nothing
  const std::uint64_t chain_at = bucket_at + std::uint64_t{buckets} * 4;
  while ((table.read<std::uint32_t>(chain_at + (last - first) * 4, "a hash chain") & 1) == 0)
    ++last;
  return last + 1;
}

std::uint64_t elf_file::count_dynamic_symbols() const {
  for (const Elf64_Shdr& one : sections_) {
    if (one.sh_type == SHT_DYNSYM) return one.sh_size / sizeof(Elf64_Sym);
  }
  if (const std::uint64_t* const at = find_dynamic(DT_HASH)) {
    return at_address(*at, "its hash table").read<std::uint32_t>(4, "its hash table");
  }
  if (const std::uint64_t* const at = find_dynamic(DT_GNU_HASH)) return count_by_gnu_hash(*at);
  return 0;
}

// By version number: the library it is wanted from. Empty where nothing is said.
std::vector<std::string_view> elf_file::read_versions() const {
  std::vector<std::string_view> files;
  const std::uint64_t* const at = find_dynamic(DT_VERNEED);
  const std::uint64_t* const count = find_dynamic(DT_VERNEEDNUM);
  if (at == nullptr || count == nullptr) return files;
  const bytes table = at_address(*at, "its table of versions");
  const bytes names = dynamic_names();
  std::uint64_t library_at = 0;
  std::uint64_t left = 65536;  // version numbers have 16 bits
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto library = table.read<Elf64_Verneed>(library_at, "a needed version");
    std::uint64_t version_at = library_at + library.vn_aux;
    for (unsigned j = 0; j < library.vn_cnt; ++j) {
      if (left-- == 0) throw bad_file("its table of versions does not end: it is damaged");
      const auto version = table.read<Elf64_Vernaux>(version_at, "a needed version");
      const std::size_t number = version.vna_other & 0x7fff;
      if (files.size() <= number) files.resize(number + 1);
      files[number] = names.text(library.vn_file, "a needed version's library");
      if (version.vna_next == 0) break;
      version_at += version.vna_next;
    }
    if (library.vn_next == 0 || left-- == 0) break;
    library_at += library.vn_next;
  }
  return files;
}

symbol elf_file::read_symbol(bytes table, std::uint64_t index, bytes names) const {
  const auto one = table.read<Elf64_Sym>(index * sizeof(Elf64_Sym), "a symbol");
  symbol result;
  result.name = names.text(one.st_name, "a symbol's name");
  result.address = one.st_value;
  result.size = one.st_size;
  result.type = ELF64_ST_TYPE(one.st_info);
  result.is_defined = one.st_shndx != SHN_UNDEF;
  return result;
}

void elf_file::read_dynamic_symbols() {
  const std::uint64_t* const at = find_dynamic(DT_SYMTAB);
  const std::uint64_t count = count_dynamic_symbols();
  if (at == nullptr || count == 0) return;
  if (count > content().size() / sizeof(Elf64_Sym)) {
    throw bad_file("its dynamic symbols lie outside the file: it is cut off or damaged");
  }
  const bytes table = at_address(*at, "its dynamic symbols");
  const bytes names = dynamic_names();
  const auto files = read_versions();
  const std::uint64_t* const numbers_at = find_dynamic(DT_VERSYM);
  const bytes numbers =
      numbers_at != nullptr ? at_address(*numbers_at, "its versions of symbols") : bytes();
  for (std::uint64_t i = 1; i < count; ++i) {
    symbol one = read_symbol(table, i, names);
    if (!one.is_defined && numbers.has(i * 2, 2)) {
      const std::size_t number = numbers.read<std::uint16_t>(i * 2, "a version") & 0x7fff;
      if (number < files.size()) one.wanted_from = files[number];
    }
    dynamic_symbols_.push_back(one);
  }
}

void elf_file::read_all_symbols() {
  for (const Elf64_Shdr& section : sections_) {
    if (section.sh_type != SHT_SYMTAB) continue;
    if (section.sh_link >= sections_.size())
      throw bad_file("its symbols have no names: it is damaged");
    const Elf64_Shdr& text = sections_[section.sh_link];
    const bytes table = content().part(section.sh_offset, section.sh_size, "its symbols");
    const bytes names = content().part(text.sh_offset, text.sh_size, "the names of its symbols");
    for (std::uint64_t i = 1; i < section.sh_size / sizeof(Elf64_Sym); ++i) {
      all_symbols_.push_back(read_symbol(table, i, names));
    }
    return;
  }
}

}  // namespace weft_audit
