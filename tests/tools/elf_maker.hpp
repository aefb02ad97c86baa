// SPDX-License-Identifier: BSL-1.0
// Makes small ELF files of x86-64 and AArch64 with what weft-audit looks for, so that its tests
// need neither a compiler for both nor the system's libraries. Addresses are offsets in the file.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace weft_tests {

class elf_maker {
 public:
  explicit elf_maker(unsigned machine) : machine_(machine) {}

  // What it is to have; all before bytes().
  unsigned type = ET_DYN;
  bool has_interpreter = false;
  bool has_sections = true;
  std::string soname;
  std::string runpath;
  std::string rpath;
  std::vector<std::string> needed;
  std::vector<std::pair<std::string, std::string>>
      imports;                         // function, library of its version or ""
  std::vector<std::string> functions;  // defined ones that others see
  std::vector<std::pair<std::string, unsigned>> thread_locals;
  std::vector<unsigned char> code;
  unsigned frame_bytes = 0;  // that .eh_frame tells of the code; 0: no .eh_frame
  std::uint64_t flags_1 = 0;
  bool is_symbolic = false;

  std::vector<unsigned char> bytes() {
    lay_out();
    return std::move(out_);
  }
  std::string text() {
    const auto all = bytes();
    return {all.begin(), all.end()};
  }

 private:
  struct place {
    std::string name;
    unsigned type;
    std::uint64_t at;
    std::uint64_t count;
    unsigned link;
  };

  template <class T>
  void put(const T& value) {
    const auto* const from = reinterpret_cast<const unsigned char*>(&value);
    out_.insert(out_.end(), from, from + sizeof value);
  }
  void align() { out_.resize((out_.size() + 7) & ~std::size_t{7}); }
  std::uint32_t string(const std::string& text) {
    const auto [found, is_new] = strings_.emplace(text, names_.size());
    if (is_new) names_.append(text).push_back('\0');
    return static_cast<std::uint32_t>(found->second);
  }
  template <class F>
  place section(const char* name, unsigned section_type, unsigned link, F&& write) {
    align();
    const std::uint64_t at = out_.size();
    write();
    sections_.push_back({name, section_type, at, out_.size() - at, link});
    return sections_.back();
  }

  void put_symbol(const std::string& name, unsigned symbol_type, bool is_defined,
                  std::uint64_t value, std::uint64_t size) {
    Elf64_Sym one{};
    one.st_name = string(name);
    one.st_info = static_cast<unsigned char>(ELF64_ST_INFO(STB_GLOBAL, symbol_type));
    one.st_shndx = is_defined ? 1 : SHN_UNDEF;
    one.st_value = value;
    one.st_size = size;
    put(one);
  }

  // A version number for each library, from 2 on.
  std::map<std::string, std::uint16_t> version_numbers() const {
    std::map<std::string, std::uint16_t> numbers;
    for (const auto& [name, library] : imports) {
      if (!library.empty())
        numbers.emplace(library, static_cast<std::uint16_t>(2 + numbers.size()));
    }
    return numbers;
  }

  void put_versions(const std::map<std::string, std::uint16_t>& numbers) {
    std::size_t left = numbers.size();
    for (const auto& [library, number] : numbers) {
      Elf64_Verneed file{};
      file.vn_version = 1;
      file.vn_cnt = 1;
      file.vn_file = string(library);
      file.vn_aux = sizeof file;
      file.vn_next = --left > 0 ? sizeof(Elf64_Verneed) + sizeof(Elf64_Vernaux) : 0;
      put(file);
      Elf64_Vernaux version{};
      version.vna_other = number;
      version.vna_name = string("VERSION_1");
      put(version);
    }
  }

  // One CIE and one FDE of the whole code: def_cfa sp, frame_bytes.
  void put_unwind_table(std::uint64_t code_at) {
    const auto stack_pointer = static_cast<unsigned char>(machine_ == EM_X86_64 ? 7 : 31);
    const std::uint64_t at = out_.size();
    const std::vector<unsigned char> common = {1,    'z',  'R',           0, 1, 0x78, 16, 1,
                                               0x1b, 0x0c, stack_pointer, 8, 0, 0,    0,  0};
    put(static_cast<std::uint32_t>(common.size() + 4));
    put(std::uint32_t{0});
    out_.insert(out_.end(), common.begin(), common.end());
    std::vector<unsigned char> steps = {0, 0x41, 0x0e};
    for (unsigned left = frame_bytes;; left >>= 7) {
      steps.push_back(static_cast<unsigned char>((left & 0x7f) | (left > 0x7f ? 0x80 : 0)));
      if (left <= 0x7f) break;
    }
    while (steps.size() % 8 != 4) steps.push_back(0);
    put(static_cast<std::uint32_t>(12 + steps.size()));
    put(static_cast<std::uint32_t>(out_.size() - at));
    put(static_cast<std::int32_t>(static_cast<std::int64_t>(code_at) -
                                  static_cast<std::int64_t>(out_.size())));
    put(static_cast<std::uint32_t>(code.size()));
    out_.insert(out_.end(), steps.begin(), steps.end());
    put(std::uint32_t{0});
  }

  void put_dynamic(const std::vector<std::pair<std::int64_t, std::uint64_t>>& places) {
    const auto entry = [&](std::int64_t tag, std::uint64_t value) {
      Elf64_Dyn one{};
      one.d_tag = tag;
      one.d_un.d_val = value;
      put(one);
    };
    for (const auto& name : needed) entry(DT_NEEDED, string(name));
    if (!soname.empty()) entry(DT_SONAME, string(soname));
    if (!runpath.empty()) entry(DT_RUNPATH, string(runpath));
    if (!rpath.empty()) entry(DT_RPATH, string(rpath));
    if (flags_1 != 0) entry(DT_FLAGS_1, flags_1);
    if (is_symbolic) entry(DT_FLAGS, DF_SYMBOLIC);
    for (const auto& [tag, value] : places) entry(tag, value);
    entry(DT_NULL, 0);
  }

  void lay_out() {
    for (const auto* text : {&soname, &runpath, &rpath}) string(*text);
    for (const auto& name : needed) string(name);
    const auto numbers = version_numbers();
    const std::size_t segments = 2 + (thread_locals.empty() ? 0 : 1) + (has_interpreter ? 1 : 0);
    out_.resize(sizeof(Elf64_Ehdr) + segments * sizeof(Elf64_Phdr));
    const place text = section(".text", SHT_PROGBITS, 0,
                               [&] { out_.insert(out_.end(), code.begin(), code.end()); });
    if (frame_bytes > 0) section(".eh_frame", SHT_PROGBITS, 0, [&] { put_unwind_table(text.at); });
    std::uint64_t count = 1;
    const unsigned names_index = static_cast<unsigned>(sections_.size()) + 2;
    const place symbols = section(".dynsym", SHT_DYNSYM, names_index, [&] {
      put(Elf64_Sym{});
      for (const auto& one : imports) put_symbol(one.first, STT_FUNC, false, 0, 0), ++count;
      for (const auto& one : functions) {
        put_symbol(one, STT_FUNC, true, text.at, code.size());
        ++count;
      }
      for (const auto& one : thread_locals)
        put_symbol(one.first, STT_TLS, true, 0, one.second), ++count;
    });
    std::vector<unsigned char> versions;
    const place needs =
        section(".gnu.version_r", SHT_GNU_verneed, names_index, [&] { put_versions(numbers); });
    const place names = {".dynstr", SHT_STRTAB, 0, 0, 0};
    const place hash = section(".hash", SHT_HASH, 0, [&] {
      put(std::uint32_t{1});
      put(static_cast<std::uint32_t>(count));
    });
    const place by_symbol = section(".gnu.version", SHT_GNU_versym, 0, [&] {
      put(std::uint16_t{0});
      for (const auto& one : imports) {
        put(one.second.empty() ? std::uint16_t{1} : numbers.at(one.second));
      }
      for (std::uint64_t i = imports.size() + 1; i < count; ++i) put(std::uint16_t{1});
    });
    const place strings = section(names.name.c_str(), SHT_STRTAB, 0,
                                  [&] { out_.insert(out_.end(), names_.begin(), names_.end()); });
    const place dynamic = section(".dynamic", SHT_DYNAMIC, 0, [&] {
      put_dynamic({{DT_SYMTAB, symbols.at},
                   {DT_STRTAB, strings.at},
                   {DT_STRSZ, strings.count},
                   {DT_HASH, hash.at},
                   {DT_VERNEED, needs.at},
                   {DT_VERNEEDNUM, numbers.size()},
                   {DT_VERSYM, by_symbol.at}});
    });
    put_headers(segments, dynamic);
  }

  void put_headers(std::size_t segments, const place& dynamic) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = static_cast<Elf64_Half>(type);
    header.e_machine = static_cast<Elf64_Half>(machine_);
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof header;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<Elf64_Half>(segments);
    const std::uint64_t loaded = out_.size();
    if (has_sections) put_section_headers(header);
    std::memcpy(out_.data(), &header, sizeof header);
    std::size_t at = sizeof header;
    const auto segment = [&](unsigned what, std::uint64_t from, std::uint64_t count,
                             std::uint64_t in_memory) {
      Elf64_Phdr one{};
      one.p_type = what;
      one.p_flags = PF_R | PF_X;
      one.p_offset = one.p_vaddr = from;
      one.p_filesz = count;
      one.p_memsz = in_memory;
      std::memcpy(out_.data() + at, &one, sizeof one);
      at += sizeof one;
    };
    segment(PT_LOAD, 0, loaded, loaded);
    segment(PT_DYNAMIC, dynamic.at, dynamic.count, dynamic.count);
    if (!thread_locals.empty()) segment(PT_TLS, 0, 0, 64);
    if (has_interpreter) segment(PT_INTERP, 0, 4, 4);
  }

  void put_section_headers(Elf64_Ehdr& header) {
    std::string names(1, '\0');
    std::vector<Elf64_Shdr> table(1);
    sections_.push_back({".shstrtab", SHT_STRTAB, 0, 0, 0});
    for (const place& one : sections_) {
      Elf64_Shdr made{};
      made.sh_name = static_cast<Elf64_Word>(names.size());
      names.append(one.name).push_back('\0');
      made.sh_type = one.type;
      made.sh_addr = made.sh_offset = one.at;
      made.sh_size = one.count;
      made.sh_link = one.link;
      table.push_back(made);
    }
    table.back().sh_offset = out_.size();
    table.back().sh_size = names.size();
    out_.insert(out_.end(), names.begin(), names.end());
    align();
    header.e_shoff = out_.size();
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<Elf64_Half>(table.size());
    header.e_shstrndx = static_cast<Elf64_Half>(table.size() - 1);
    for (const Elf64_Shdr& one : table) put(one);
  }

  const unsigned machine_;
  std::vector<unsigned char> out_;
  std::string names_ = std::string(1, '\0');
  std::map<std::string, std::size_t> strings_{{"", 0}};
  std::vector<place> sections_;
};

// With something of everything that is looked for.
inline elf_maker rich_elf(unsigned machine) {
  elf_maker made(machine);
  made.soname = "librich.so.1";
  made.imports = {{"read", "libc.so.6"},        {"fgets", "libc.so.6"},
                  {"getaddrinfo", "libc.so.6"}, {"sigwait", ""},
                  {"send", "libother.so.1"},    {"pthread_mutex_lock", "libc.so.6"},
                  {"open", "libc.so.6"},        {"pthread_getspecific", "libc.so.6"}};
  made.functions = {"_ZN4rich5largeEv"};
  made.thread_locals = {{"_ZN4rich10request_idE", 4}, {"plain", 24}};
  made.frame_bytes = 20000;
  if (machine == EM_X86_64) {
    made.code = {0x48, 0x81, 0xec, 0x00, 0x80, 0x00, 0x00,  // sub $32768, %rsp
                 0xb8, 0xaa, 0x01, 0x00, 0x00,              // mov $426, %eax
                 0x0f, 0x05, 0xc3};                         // syscall, ret
  } else {
    made.code = {0xff, 0x23, 0x40, 0xd1,   // sub sp, sp, #8, lsl #12
                 0x48, 0x35, 0x80, 0xd2,   // mov x8, #426
                 0x01, 0x00, 0x00, 0xd4,   // svc #0
                 0xc0, 0x03, 0x5f, 0xd6};  // ret
  }
  return made;
}

}  // namespace weft_tests
