# frozen_string_literal: true

module Hyperglyph
  # A value with a name (chapter 9 of the standard). Frozen, and so is its Hash of attributes; equal
  # to one of the same name, attributes and content.
  class Extension
    # Names that nobody may use (REQ-EXT-4); they are decoded, and what was decoded encodes again.
    RESERVED = %w[
      integer unicode string bytearray float datetime timedelta nil true false list set dict
      ordered_dict extension blob bool request response
    ].freeze

    # The name, a String; attributes, a Hash or OrderedHash with keys that are String; any value.
    attr_reader :name, :attributes, :content

    # Names of attributes may be Symbols. ArgumentError for a reserved name, and for a link, form, input,
    # resource or error that lacks what it must have (REQ-EXT-6).
    def initialize(name, attributes = {}, content = nil)
      name = name.to_s
      raise ArgumentError, "#{name} is a reserved name: choose another" if RESERVED.include?(name)

      attributes = Extension.attributes(attributes)
      Hypermedia.check(name, attributes, content)
      assign(name, attributes, content)
    end

    # What a decoder builds: nothing is judged, and the parts are taken over.
    def self.decoded(name, attributes, content)
      allocate.tap { |extension| extension.__send__(:assign, name, attributes, content) }
    end

    # A frozen copy with names that are text.
    def self.attributes(attributes)
      copy = attributes.is_a?(OrderedHash) ? OrderedHash.new : {}
      attributes.each_pair do |name, value|
        name = name.name if name.is_a?(Symbol)
        raise ArgumentError, "the attribute #{name} stands there twice" if copy.key?(name)

        copy[name] = value
      end
      copy.freeze
    end

    # The attribute of this name, or nil.
    def [](name)
      @attributes[name.to_s]
    end

    def ==(other)
      other.is_a?(Extension) && other.name == @name && other.attributes.instance_of?(@attributes.class) &&
        other.attributes == @attributes && other.content == @content
    end

    def eql?(other)
      other.is_a?(Extension) && other.name.eql?(@name) && other.attributes.eql?(@attributes) &&
        other.content.eql?(@content)
    end

    def hash
      [Extension, @name, @attributes, @content].hash
    end

    def inspect
      "#<Hyperglyph::Extension #{@name} #{@attributes.inspect} #{@content.inspect}>"
    end

    private

    def assign(name, attributes, content)
      @name = name.frozen? ? name : name.dup.freeze
      @attributes = attributes.freeze
      @content = content
      freeze
    end
  end
end
