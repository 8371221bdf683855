# A testee (spec/testee.md) around a Ruby library that has Hyperglyph.dump(value) and
# Hyperglyph.load(octets), the interface of the gem of 2012:
#
#     ruby ruby_2012.rb PATH
#
# PATH is the library's main file, or a folder that has hyperglyph.rb in it.

require "date"
require "json"
require "set"
require "stringio"

path = ARGV.fetch(0) { abort "usage: ruby ruby_2012.rb PATH" }
path = File.join(path, "hyperglyph.rb") if File.directory?(path)
$LOAD_PATH.unshift(File.dirname(File.expand_path(path)))
load path

# What Ruby cannot hold; the case has nothing to try.
class Unbuildable < StandardError
end

# Typed values (spec/README.md) to Ruby's, and back.
module Typed
  FLOATS = { "inf" => Float::INFINITY, "-inf" => -Float::INFINITY, "nan" => Float::NAN }.freeze
  TIME = /\A(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)(Z?)\z/

  module_function

  def build(typed)
    case typed.fetch("type")
    when "nil" then nil
    when "true" then true
    when "false" then false
    when "integer" then Integer(typed["value"], 10)
    when "float" then FLOATS.fetch(typed["value"]) { Float(typed["value"]) }
    when "unicode" then text(typed)
    when "bytearray" then StringIO.new(octets(typed))
    when "datetime" then time(typed["value"])
    when "timedelta" then timedelta(typed["value"])
    when "list" then items(typed)
    when "set" then set(typed)
    when "dict", "ordered_dict" then dict(typed)
    when "extension" then extension(typed)
    when "blob" then Hyperglyph::Blob.new(StringIO.new(octets(typed)), build(typed["attributes"]))
    else raise Unbuildable, "no such type: #{typed['type']}"
    end
  end

  def text(typed)
    return typed["codepoints"].map { |code| code.to_i(16) }.pack("U*") if typed.key?("codepoints")

    typed.key?("repeat") ? typed["repeat"] * typed["times"] : typed["value"].dup
  end

  def octets(typed)
    return [typed["repeat"]].pack("H*") * typed["times"] if typed.key?("repeat")

    [typed["hex"]].pack("H*")
  end

  def items(typed)
    return Array.new(typed["times"]) { build(typed["repeat"]) } if typed.key?("repeat")

    typed["items"].map { |item| build(item) }
  end

  def set(typed)
    built = Set.new(items(typed))
    raise Unbuildable, "items that are equal in Ruby" if built.size != typed["items"].size

    built
  end

  def dict(typed)
    built = typed["pairs"].to_h { |key, value| [build(key), build(value)] }
    raise Unbuildable, "keys that are equal in Ruby" if built.size != typed["pairs"].size

    built
  end

  def extension(typed)
    parts = [text(typed["name"].is_a?(Hash) ? typed["name"] : { "value" => typed["name"] })]
    parts << build(typed["attributes"]) << build(typed["content"])
    Hyperglyph::Extension.make(*parts)
  end

  def time(text)
    *fields, fraction, zone = TIME.match(text).captures
    raise Unbuildable, "times of Ruby have a zone" if zone.empty?

    micro = fraction.ljust(6, "0").to_i
    Time.utc(*fields.map { |field| Integer(field, 10) }, micro)
  end

  def timedelta(text)
    raise Unbuildable, "the library has no timedeltas" unless defined?(Hyperglyph::TimeDelta)

    Hyperglyph::TimeDelta.new(text)
  end

  def show(value)
    case value
    when nil then { type: "nil" }
    when true then { type: "true" }
    when false then { type: "false" }
    when Integer then { type: "integer", value: value.to_s }
    when Float then { type: "float", value: spelled(value) }
    when String, Symbol then show_text(value.to_s)
    when StringIO then { type: "bytearray", hex: value.string.unpack1("H*") }
    when DateTime, Time then { type: "datetime", value: show_time(value) }
    when Set then { type: "set", items: value.map { |item| show(item) } }
    when Array then { type: "list", items: value.map { |item| show(item) } }
    when Hash then { type: "ordered_dict", pairs: value.map { |pair| pair.map { |one| show(one) } } }
    else show_object(value)
    end
  end

  def show_text(text)
    text = text.dup.force_encoding("UTF-8")
    return { type: "unicode", value: text } if text.valid_encoding?

    # No text of the data model; the octets at least are told.
    { type: "bytearray", hex: text.unpack1("H*") }
  end

  def spelled(float)
    return "nan" if float.nan?
    return float.positive? ? "inf" : "-inf" if float.infinite?
    return (1 / float).positive? ? "0x0.0p+0" : "-0x0.0p+0" if float.zero?

    bits = [float].pack("G").unpack1("Q>")
    sign = bits >> 63 == 1 ? "-" : ""
    exponent = (bits >> 52) & 0x7ff
    fraction = format("%013x", bits & ((1 << 52) - 1))
    return "#{sign}0x0.#{fraction}p-1022" if exponent.zero?

    format("%s0x1.%sp%+d", sign, fraction, exponent - 1023)
  end

  def show_time(time)
    time = time.to_time.utc
    micro = time.usec
    fraction = (micro % 1000).zero? ? format("%03d", micro / 1000) : format("%06d", micro)
    time.strftime("%Y-%m-%dT%H:%M:%S.#{fraction}Z").rjust(24, "0")
  end

  def show_object(value)
    parts = %w[name attrs content].map { |name| value.instance_variable_get("@#{name}") }
    name, attributes, content = parts
    if defined?(Hyperglyph::Blob) && value.is_a?(Hyperglyph::Blob)
      content.rewind
      return { type: "blob", attributes: show(attributes), hex: content.read.unpack1("H*") }
    end
    if value.is_a?(Hyperglyph::Extension)
      return { type: "extension", name: name, attributes: show(attributes), content: show(content) }
    end
    period = value.instance_variable_get(:@period)
    raise TypeError, "no typed form for #{value.class}" unless period.is_a?(String)

    { type: "timedelta", value: period }
  end
end

def answer(request)
  case request["cmd"]
  when "start"
    version = defined?(Hyperglyph::VERSION) ? Hyperglyph::VERSION : "unknown"
    { implementation: "hyperglyph.rb", language: "Ruby #{RUBY_VERSION}", version: version.to_s }
  when "decode"
    return { skipped: "no decoding in pieces" } if request.key?("pieces")

    { value: Typed.show(decode([request["wire"]].pack("H*"))) }
  when "canonical", "encode"
    { wire: encode(Typed.build(request["value"])).unpack1("H*") }
  when "stop" then { stopped: true }
  else { skipped: "unknown command #{request['cmd']}" }
  end
rescue Refused => e
  { fault: "refused", message: e.message }
rescue Unbuildable => e
  { skipped: e.message }
rescue StandardError, SystemStackError => e
  { errored: e.full_message(highlight: false) }
end

# Whatever a library raises is its way to refuse: that of 2012 has no errors of its own for most.
class Refused < StandardError
end

def decode(octets)
  Hyperglyph.load(octets)
rescue StandardError, SystemStackError => e
  raise Refused, "#{e.class}: #{e.message}".scrub[0, 200]
end

def encode(value)
  Hyperglyph.dump(value).b
rescue StandardError, SystemStackError => e
  raise Refused, "#{e.class}: #{e.message}".scrub[0, 200]
end

$stdin.each_line do |line|
  request = JSON.parse(line, max_nesting: 0)
  reply = { seq: request["seq"] }.merge(answer(request))
  $stdout.puts(JSON.generate(reply, max_nesting: 0, ascii_only: true))
  $stdout.flush
  break if reply.key?(:stopped)
end
