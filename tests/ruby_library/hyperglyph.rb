# A small library with the interface of the gem of 2012, Hyperglyph.dump and Hyperglyph.load, for the
# tests of the adapter for such libraries. It has some of the faults that the gem is known for, and
# known.txt lists what comes of them: every dict is an ordered one; no white space is accepted; the
# last of several same keys wins; infinities and NaN are read as zero; there are no timedeltas.

require "set"
require "stringio"
require "strscan"

module Hyperglyph
  VERSION = "0.0".freeze

  class DecodeError < StandardError; end
  class EncodeError < StandardError; end

  class Extension
    def self.make(name, attrs, content)
      new(name, attrs, content)
    end

    attr_reader :name, :attrs, :content

    def initialize(name, attrs, content)
      @name = name
      @attrs = attrs
      @content = content
    end
  end

  class Blob
    attr_reader :attrs, :content

    def initialize(content, attrs)
      @content = content
      @attrs = attrs
    end
  end

  def self.dump(value)
    Writer.new.message(value)
  end

  def self.load(octets)
    Reader.new(octets).message
  end

  class Writer
    def initialize
      @blobs = []
    end

    def message(value)
      root = object(value)
      root + @blobs.each_with_index.map { |content, id| chunks(content, id) }.join
    end

    private

    def object(value)
      case value
      when nil then "N;".b
      when true then "T;".b
      when false then "F;".b
      when Integer then "i#{value};".b
      when Float then "f#{float(value)};".b
      when String then counted("u", text(value))
      when StringIO then counted("b", value.string.b)
      when Time then "d#{time(value)};".b
      when Array then "L".b + value.map { |item| object(item) }.join + ";"
      when Set then "S".b + value.map { |item| key(item) }.sort.join + ";"
      when Hash then "O".b + value.map { |name, held| key(name) + object(held) }.join + ";"
      when Blob then blob(value)
      when Extension then extension(value)
      else raise EncodeError, "no way to write a #{value.class}"
      end
    end

    def key(value)
      refused = [Hash, Blob, Extension].any? { |kind| value.is_a?(kind) }
      raise EncodeError, "a #{value.class} is no key" if refused

      value.each { |item| key(item) } if value.is_a?(Array)
      object(value)
    end

    def extension(value)
      "X".b + object(value.name) + attributes(value.attrs) + object(value.content) + ";"
    end

    def attributes(value)
      raise EncodeError, "attributes have names" unless value.keys.all?(String)

      object(value)
    end

    def blob(value)
      id = @blobs.size
      @blobs << value.content
      "B#{id}:".b + attributes(value.attrs) + ";"
    end

    def chunks(content, id)
      pieces = "".b
      while (piece = content.read(65_536))
        pieces << "c#{id}:#{piece.bytesize}:".b << piece.b << ";"
      end
      pieces << "c#{id};"
    end

    def counted(prefix, octets)
      octets.empty? ? "#{prefix};".b : "#{prefix}#{octets.bytesize}:".b + octets + ";"
    end

    def text(value)
      raise EncodeError, "no UTF-8" unless value.encode("UTF-8").valid_encoding?

      value.encode("UTF-8").b
    end

    def time(value)
      value = value.getutc
      digits = (value.usec % 1000).zero? ? 3 : 6
      value.strftime("%Y-%m-%dT%H:%M:%S.%#{digits}NZ").rjust(digits + 21, "0")
    end

    def float(value)
      return "nan" if value.nan?
      return value.positive? ? "inf" : "-inf" if value.infinite?

      bits = [value].pack("G").unpack1("Q>")
      sign = bits >> 63 == 1 ? "-" : ""
      exponent = (bits >> 52) & 0x7ff
      digits = format("%013x", bits & ((1 << 52) - 1))
      return "#{sign}0x0.0p+0" if value.zero?
      return "#{sign}0x0.#{digits}p-1022" if exponent.zero?

      format("%s0x1.%sp%+d", sign, digits, exponent - 1023)
    end
  end

  class Reader
    INTEGER = /[+-]?[0-9]+;/
    LENGTH = /0*[0-9]{1,10}:/
    HEX = /[+-]?0[xX]\h+(?:\.\h*)?(?:[pP][+-]?[0-9]+)?;/
    DECIMAL = /[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?;/
    NAMED = /[+-]?(?:inf|infinity|nan);/i
    TIME = /([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2}(?:\.[0-9]+)?)(Z|z|[+-][0-9]{2}:[0-9]{2});/

    def initialize(octets)
      @scanner = StringScanner.new(octets.b)
      @blobs = {}
      @depth = 0
    end

    def message
      value = object
      trailer until @blobs.empty?
      raise DecodeError, "more than a message" unless @scanner.eos?

      value
    end

    private

    def object
      case @scanner.getch
      when "N" then closed(nil)
      when "T" then closed(true)
      when "F" then closed(false)
      when "i" then Integer(take(INTEGER).chop, 10)
      when "f" then float
      when "u" then text
      when "b" then StringIO.new(counted)
      when "d" then time
      when "L" then items(&method(:object))
      when "S" then set
      when "D", "O" then items { [key, object] }.to_h
      when "X" then extension
      when "B" then blob
      else raise DecodeError, "no such object"
      end
    end

    def take(pattern)
      @scanner.scan(pattern) or raise DecodeError, "not as it should be"
    end

    def closed(value)
      take(/;/)
      value
    end

    def items
      @depth += 1
      raise DecodeError, "too deep" if @depth > 100

      found = []
      found << yield until @scanner.skip(/;/)
      @depth -= 1
      found
    end

    def set
      found = items(&method(:key))
      built = Set.new(found)
      raise DecodeError, "an item twice" if built.size != found.size

      built
    end

    def key
      raise DecodeError, "no key" if @scanner.check(/[DOXB]/)

      object
    end

    def counted
      return "".b if @scanner.skip(/;/)

      size = take(LENGTH).to_i
      octets = @scanner.peek(size)
      raise DecodeError, "cut" if octets.bytesize < size

      @scanner.pos += size
      closed(octets)
    end

    def text
      octets = counted.force_encoding("UTF-8")
      raise DecodeError, "no UTF-8" unless octets.valid_encoding?

      octets
    end

    def float
      return 0.0 if @scanner.skip(NAMED)

      value = Float(hexadecimal || decimal)
      raise DecodeError, "too large" if value.infinite?

      value
    end

    # Ruby's Float asks for an exponent here, and for digits on both sides of a point.
    def hexadecimal
      literal = @scanner.scan(HEX)&.chop&.downcase
      return literal unless literal

      literal.sub(/\.(?=\z|p)/, "").sub(/\A[^p]*\z/, '\0p0')
    end

    def decimal
      take(DECIMAL).chop.sub(/\.(?=\z|[eE])/, "").sub(/\A([+-]?)\./, '\10.')
    end

    def time
      take(TIME)
      *fields, second, zone = (1..7).map { |number| @scanner[number] }
      fields = fields.map { |field| Integer(field, 10) }
      right = fields[0].positive? && fields[3] < 24 && fields[4] < 60 && second.to_i < 60
      raise DecodeError, "no such time" unless right && Date.valid_date?(*fields[0, 3])

      Time.new(*fields, Rational(second[0, 9]), zone.casecmp?("z") ? "+00:00" : zone).getutc
    end

    def extension
      raise DecodeError, "no name" unless @scanner.getch == "u"

      parts = [text, attributes, object]
      closed(Extension.make(*parts))
    end

    def attributes
      raise DecodeError, "no attributes" unless @scanner.check(/[DO]/)

      object.tap { |held| raise DecodeError, "no name" unless held.keys.all?(String) }
    end

    def blob
      id = take(LENGTH).to_i
      raise DecodeError, "an id twice" if @blobs.key?(id)

      @blobs[id] = content = StringIO.new("".b)
      closed(Blob.new(content, attributes))
    end

    def trailer
      take(/c/)
      id, mark = take(/[0-9]+[:;]/).then { |head| [head.to_i, head[-1]] }
      content = @blobs.fetch(id) { raise DecodeError, "no such blob" }
      if mark == ";"
        @blobs.delete(id).rewind
      else
        @scanner.pos -= 1
        content.write(chunk)
      end
    end

    def chunk
      take(/:/)
      size = take(LENGTH).to_i
      octets = @scanner.peek(size)
      raise DecodeError, "cut" if octets.bytesize < size || size.zero?

      @scanner.pos += size
      closed(octets)
    end
  end
end
